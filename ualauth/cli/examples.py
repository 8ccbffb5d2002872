"""Examples for the help of each command: what is written behind `ualauth`, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping

Examples = tuple[tuple[str, str], ...]

EXAMPLES: Mapping[str, Examples] = {
    "init": (
        ("init", "in /etc/ualauth"),
        ("init --config-dir demo", "in another folder, to try things"),
    ),
    "test-auth": (
        ("test-auth pop3 jo --trace", "which entries were asked"),
        ("test-auth imap jo --rhost 192.0.2.7 --tls", "as from there"),
    ),
    "explain": (
        ("explain pop3 jsmith --password wrong", "without any password"),
        ("explain imap jsmith --at 2026-12-24T03:00", "at night"),
        ("explain imap --assume om_ldap=authinfo_unavail", "with LDAP away"),
    ),
    "check": (
        ("check", "the whole folder"),
        ("check ./imap.new --as imap", "before it is installed"),
        ("check --format github --strict", "in a pipeline"),
    ),
    "serve": (("serve", "until SIGTERM; SIGHUP reads the configuration anew"),),
    "status": (("status --json", "for a program that watches it"),),
    "reload": (("reload", "after ualauth.toml was changed"),),
    "kick": (("kick jsmith", "after the user was locked"),),
    "diff": (
        ("diff pop3 ./pop3.new", "a change, before it is installed"),
        ("diff /etc/ualauth ./ualauth", "two configuration folders"),
        ("diff old/ new/ imap", "one service of two folders"),
        ("diff old/ new/ --html > x.html", "for a review"),
    ),
    "config": (
        ("config -n", "what was changed"),
        ("config lockout", "one table"),
        ("config stack.timeout", "one setting"),
        ("config --company acme", "what holds for its users, and who said it"),
        ("config om_ldap.conf -n", "one file"),
    ),
    "migrate": (("migrate /etc/pam.d/dovecot", "a service file of the host"),),
    "log": (
        ("log /var/log/ualauth/audit.log", "who failed, and why"),
        ("log --follow /var/log/ualauth/audit.log", "as it happens"),
    ),
    "replay": (("replay audit.json --config-dir candidate", "who gets in now"),),
    "show": (("show pop3", "with what it includes"),),
    "picture": (
        ("picture imap", "in the terminal"),
        ("picture ./imap.new --html > imap.html", "for a browser or a printer"),
    ),
    "modules": (("modules", "all of them"), ("modules om_ldap", "one, with its options")),
    "hash": (
        ("hash", "asks for the password"),
        ("hash --verify", "asks for a hash and a password"),
    ),
    "user add": (
        ("user add jsmith --name /ny/CN=Jo", "asks for the password"),
        ("user add mapi --name /CN=mapi --no-password", "no password lets in"),
    ),
    "user modify": (
        ("user modify jsmith --expires 2026-12-31", "then it ends"),
        ("user modify jsmith --policy grace_logins=3", "a rule of its own"),
    ),
    "user delete": (("user delete jsmith", ""),),
    "user find": (("user find smith", "whom a part of a name fits"),),
    "user show": (("user show jsmith", ""),),
    "user list": (
        ("user list --locked", "who is locked"),
        ("user list --domain example.com --never-logged-in", "who never came"),
    ),
    "user lock": (("user lock jsmith", "no login from now on"),),
    "user unlock": (("user unlock jsmith", ""),),
    "user passwd": (("user passwd jsmith", "asks for the new password"),),
    "user import": (
        ("user import users.csv --format csv --check-only", "what would be"),
        ("user import passwd --format dovecot", "with their hashes"),
    ),
    "user export": (("user export users.csv --format csv", "without a file: printed"),),
    "group add": (("group add staff --member jsmith", ""),),
    "group modify": (("group modify staff --add-member jsmith", ""),),
    "group delete": (("group delete staff", ""),),
    "group show": (("group show staff", "with all who are in it"),),
    "group list": (("group list", ""),),
    "group import": (("group import groups.csv --format csv", ""),),
    "group export": (("group export groups.csv --format csv", ""),),
    "company add": (("company add acme --domain acme.example --limit 100", ""),),
    "company show": (("company show acme.example", "by its domain"),),
    "company list": (("company list", ""),),
    "company modify": (("company modify acme --add-domain acme.test", ""),),
    "company delete": (("company delete acme --with-users", "kept for 30 days"),),
    "company restore": (("company restore acme", "its users get in again"),),
    "company purge": (("company purge --yes", "each night, by cron"),),
    "company hosting": (
        ("company hosting on --plan", "what becomes whose"),
        ("company hosting off", "asks: all will see all"),
    ),
    "userlist backup": (("userlist backup /var/backups/userlist.db", "while logins go on"),),
    "userlist restore": (("userlist restore /var/backups/userlist.db", "in place of today's"),),
    "userlist copy": (("userlist copy sqlite:////etc/ualauth/userlist.db postgresql:///mail", ""),),
    "userlist progress": (("userlist progress", "who has moved in by om_auth learn"),),
    "sync add": (("sync add staff --directory openldap --uri ldaps://ldap --base dc=x", ""),),
    "sync modify": (("sync modify staff --max-deletes 20", ""),),
    "sync run": (
        ("sync run staff --dry-run", "what would be done"),
        ("sync run staff", "does it"),
    ),
    "sync resync": (("sync resync staff --dry-run", "what all of the directory asks for"),),
    "sync watch": (("sync watch staff", "until Ctrl-C"),),
    "sync schema": (
        ("sync schema openldap", "as LDIF, for ldapadd"),
        ("sync schema --status staff", "what a server has of it"),
    ),
    "sync list": (
        ("sync list", "all agreements, and their last runs"),
        ("sync list --metrics", "for Prometheus"),
    ),
    "sync show": (("sync show staff", ""),),
    "sync delete": (("sync delete staff --release", "its users stay, and are yours"),),
    "sync purge": (
        ("sync purge staff --dry-run", "who would be deleted"),
        ("sync purge staff", "users who are gone for 30 days"),
    ),
    "lockout list": (("lockout list", "who is locked out, and until when"),),
    "lockout show": (("lockout show jsmith", ""),),
    "lockout clear": (("lockout clear --user jsmith", "lets the user try again at once"),),
    "krb5 test": (("krb5 test imap jsmith", "asks for the password"),),
    "ldap test": (("ldap test jsmith", "as the service of om_ldap.conf"),),
    "oauth test": (
        ("oauth test imap", "asks for a token"),
        ("oauth test imap --no-token", "whether the issuers can be asked"),
    ),
    "sql test": (("sql test jo@example.com", ""),),
    "smtp-access check": (
        ("smtp-access check", ""),
        ("smtp-access check ./smtpd.cfg.new", "before it is installed"),
    ),
    "smtp-access explain": (
        (
            "smtp-access explain --user jsmith --sender js@example.com",
            "",
        ),
    ),
}
"""Path of the command -> its examples, each with a remark."""


def epilog_of(path: str) -> str | None:
    """Return the examples of a command, as they stand below its help."""
    examples = EXAMPLES.get(path)
    if examples is None:
        return None
    widths = [len(line) for line, _ in examples]
    lines = [f"  ualauth {line:{max(widths)}}  {remark}".rstrip() for line, remark in examples]
    # click takes a paragraph that begins with \b as it is.
    return "\n".join(["\b", "Examples:", *lines])
