"""Random rules and attempts from a small vocabulary, so that much of it meets."""

from __future__ import annotations

from random import Random

from tests.smtp_access.naive import STRICTNESS, Attempt

HOST_EVENTS = ("SUBMIT", "ANONYMOUS", "AUTH_SUCCESS", "AUTH_MISMATCH", "RELAY")
MAIL_EVENTS = ("ORIGINATOR", "RECIPIENT")
LABELS = ("a", "b", "mail", "pc1", "pc2", "example", "spam", "net")
LOCALS = ("joe", "Joe", "ann", "info", "a.b", "joe+x", "x%y", "h!x")
USERS = ("jsmith", "ann")
ADDRESSES = (
    "127.0.0.1", "192.168.1.5", "192.168.1.77", "192.168.2.5", "10.0.0.1", "203.0.113.9",
    "::1", "2001:db8::7", "2001:db8:1::7", "2001:db9::1",
)  # fmt: skip


def domain(random: Random) -> str:
    if random.random() < 0.1:
        return "mx.example.com"
    name = ".".join(random.choices(LABELS, k=random.randint(1, 3)))
    return name.upper() if random.random() < 0.1 else name


def address(random: Random) -> str:
    if random.random() < 0.05:
        literal = random.choice(ADDRESSES[:6])
        return f"{random.choice(LOCALS)}@[{literal}]"
    return f"{random.choice(LOCALS)}@{domain(random)}"


def name_pattern(random: Random) -> str:
    name = domain(random)
    match random.randrange(5):
        case 0:
            return name
        case 1:
            return f"*.{name}"
        case 2:
            return f"*{name}"
        case 3:
            return ".".join(
                random.choice(("*", "?", f"{label[:1]}*", label)) for label in name.split(".")
            )
        case _:
            return name.replace("a", "?").replace("e", "*")


def host_pattern(random: Random) -> str:
    chosen = random.choice(ADDRESSES)
    match random.randrange(8):
        case 0 | 1:
            return random.choice(("*", chosen, chosen, chosen))
        case 2 if ":" not in chosen:
            octets = chosen.split(".")
            return ".".join(octets[: random.randint(1, 3)]) + ".*"
        case 3 if ":" not in chosen:
            return chosen[: random.randint(5, 8)] + random.choice(("*", "?", "*5", "?*"))
        case 4:
            return random.choice(
                ("192.168.0.0/16", "192.168.1.0/24", "10.0.0.0/8", "2001:db8::/32",
                 "2001:db8::/48", "0.0.0.0/1", "203.0.113.9/32"),
            )  # fmt: skip
        case _:
            return name_pattern(random)


def mail_pattern(random: Random) -> str:
    local, label = random.choice(LOCALS), random.choice(LABELS)
    choices = (
        lambda: random.choice(("*", "<>", "*@*")),
        lambda: f"{local}@{domain(random)}",
        lambda: f"*@{domain(random)}",
        lambda: f"*@*.{domain(random)}",
        lambda: f"{local}@*",
        lambda: f"{local[:1]}*@{name_pattern(random)}",
        lambda: f"*{label}*",
        lambda: f"{local.lower()[:2]}*{label}",
        lambda: f"?{local[1:]}@{name_pattern(random)}",
    )
    return random.choice(choices)()


def line(random: Random) -> str:
    if random.random() < 0.06:
        return f"DELEGATE {random.choice((*USERS, '*', 'JSmith'))} {mail_pattern(random)}"
    event = random.choice((*HOST_EVENTS, *MAIL_EVENTS))
    pattern = mail_pattern(random) if event in MAIL_EVENTS else host_pattern(random)
    return line_of(random, event, pattern)


def line_of(random: Random, event: str, pattern: str) -> str:
    # Milder actions more often, so that later steps are reached.
    action = random.choices(STRICTNESS, (4, 4, 2, 1, 1))[0].title()
    return f"{event} {action} {pattern}"


def rules(random: Random) -> str:
    lines: list[str] = []
    for _ in range(random.randint(0, 12)):
        if lines and random.random() < 0.15:
            # The same event and pattern again: the first decides.
            first, _, last = random.choice(lines).split()
            lines.append(line_of(random, first, last) if first != "DELEGATE" else line(random))
        else:
            lines.append(line(random))
    return "\n".join(lines)


def attempt(random: Random) -> Attempt:
    authenticated = random.random() < 0.5
    return Attempt(
        address=random.choice((*ADDRESSES, None)),
        names=tuple(domain(random).lower() for _ in range(random.choice((0, 0, 1, 1, 2)))),
        sender="<>" if random.random() < 0.05 else address(random),
        user_addresses=tuple(address(random) for _ in range(random.randint(0, 3)))
        if authenticated
        else None,
        authid=random.choice(USERS),
        recipients=tuple(address(random) for _ in range(random.randint(1, 3))),
    )
