"""The modules of other PAMs: what stands for them here, or what to do in their place.

One table, and no guess: a module that is not in it has no equal.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Equal(enum.Enum):
    """What a module has here."""

    SAME = "same"
    """A module of the same name, with the same options and answers."""
    OURS = "ours"
    """Another module, in the same place of the stack."""
    NEEDLESS = "needless"
    """Nothing: its refusals say nothing of who may log in, or settings of ours do the same."""
    DENIES = "denies"
    """It never succeeds."""
    CONFIGURED = "configured"
    """A module that needs a file of its own first."""
    NONE = "none"
    """Nothing that could be written without knowing more."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A module of another PAM; `module` is ours, and `options` are those that it takes over."""

    equal: Equal
    why: str
    module: str = ""
    options: frozenset[str] = frozenset()
    needs: str = ""
    """The file without which `module` cannot be used."""
    ages: bool = False
    """Whether it may say of an account that its password has expired."""


_HOST = "pam_linux service=NAME"
_SHELL = "it sets up a shell: a mail server needs none"
_LOCKOUT = "failed logins are counted by [lockout] in ualauth.toml"
_POLICY = "the rules for new passwords are [password] in ualauth.toml"
_TOKENS = frozenset({"try_first_pass", "use_first_pass", "use_authtok"})
_SECOND = (
    "a second factor: mail programs answer one question; write om_oauth, or hand the login to the "
    "host: pam_linux service=NAME"
)
_OTHER_TABLE = "import its users into the USERLIST, or have them learnt: `om_auth learn`"
_PROGRAM = "write a module in Python, or hand the login to the host: pam_linux service=NAME"


def _each(names: str, foreign: Foreign) -> dict[str, Foreign]:
    return dict.fromkeys(names.split(), foreign)


FOREIGN: Mapping[str, Foreign] = {
    **_each(
        "pam_permit pam_deny pam_debug pam_listfile pam_succeed_if",
        Foreign(Equal.SAME, "the same module"),
    ),
    **_each(
        "om_admin om_anonymous om_auth om_diag om_external om_imap om_krb5 om_ldap om_oauth "
        "om_om2authid om_sql om_unix2om pam_if pam_linux",
        Foreign(Equal.SAME, "a module of ualauth"),
    ),
    "pam_unix": Foreign(
        Equal.OURS,
        "the USERLIST stands for passwd and shadow: import them with `ualauth user import`",
        "om_auth",
        _TOKENS,
    ),
    **_each(
        "pam_sss pam_winbind pam_ldap",
        Foreign(
            Equal.CONFIGURED,
            "the directory is asked by om_ldap",
            "om_ldap",
            _TOKENS,
            needs="om_ldap.conf",
            ages=True,
        ),
    ),
    "pam_krb5": Foreign(
        Equal.CONFIGURED,
        "the KDC is asked by om_krb5",
        "om_krb5",
        _TOKENS,
        needs="om_krb5.conf",
        ages=True,
    ),
    **_each(
        "pam_env pam_limits pam_loginuid pam_keyinit pam_selinux pam_systemd pam_systemd_home "
        "pam_umask pam_motd pam_lastlog pam_lastlog2 pam_mail pam_cap pam_mkhomedir pam_group "
        "pam_gnome_keyring pam_kwallet5 pam_xauth pam_console pam_namespace pam_issue "
        "pam_ck_connector pam_elogind pam_rundir pam_setquota pam_tty_audit pam_mktemp pam_tmpdir "
        "pam_mount pam_encfs pam_ecryptfs pam_fscrypt pam_zfs_key pam_afs_session pam_snapper "
        "pam_cgfs pam_chroot pam_apparmor",
        Foreign(Equal.NEEDLESS, _SHELL),
    ),
    **_each(
        "pam_tally pam_tally2 pam_abl pam_faildelay pam_faillock pam_shield",
        Foreign(Equal.NEEDLESS, _LOCKOUT),
    ),
    **_each(
        "pam_cracklib pam_pwquality pam_passwdqc pam_pwhistory", Foreign(Equal.NEEDLESS, _POLICY)
    ),
    **_each("pam_warn pam_echo", Foreign(Equal.NEEDLESS, "`--trace` and the log tell more")),
    **_each(
        "pam_ssh pam_ssh_agent_auth pam_rssh pam_timestamp pam_sepermit",
        Foreign(Equal.NONE, "it is about SSH, sudo and shells, which mail programs do not use"),
    ),
    "pam_nologin": Foreign(
        Equal.NONE, "no module reads /etc/nologin: hand it to the host (pam_linux), or remove it"
    ),
    "pam_access": Foreign(
        Equal.NONE, "write its rules as `pam_if rhost=... user=...`, or [account] allowed_networks"
    ),
    "pam_time": Foreign(
        Equal.NONE, "write its rules as `pam_if hour=... weekday=...`, or [account] allowed_hours"
    ),
    **_each(
        "pam_mysql pam_pgsql pam_userdb pam_pwdfile", Foreign(Equal.NONE, _OTHER_TABLE, ages=True)
    ),
    **_each("pam_exec pam_script pam_python pam_perl", Foreign(Equal.NONE, _PROGRAM, ages=True)),
    **_each(
        "pam_google_authenticator pam_oath pam_u2f pam_yubico pam_duo pam_otpw pam_privacyidea "
        "pam_linotp pam_fprintd pam_pkcs11 pam_p11 pam_poldi pam_usb pam_howdy",
        Foreign(Equal.NONE, _SECOND, ages=True),
    ),
    **_each(
        "pam_radius_auth pam_radius pam_tacplus",
        Foreign(
            Equal.NONE,
            "its server is asked by the host: pam_linux service=NAME, as in examples/radius",
            ages=True,
        ),
    ),
    **_each(
        "pam_smb_auth pam_smbpass pam_ntlm pam_imap pam_http pam_oauth2 pam_oidc pam_aad "
        "pam_himmelblau pam_vas pam_lsass pam_centrifydc pam_kanidm pam_ccreds",
        Foreign(
            Equal.NONE,
            "its server is asked by om_ldap, om_krb5, om_oauth or om_imap, or by the host: "
            "pam_linux service=NAME",
            ages=True,
        ),
    ),
    **_each(
        "pam_localuser pam_usertype",
        Foreign(Equal.NONE, "for users of the USERLIST write `pam_if authid=*`"),
    ),
    "pam_rootok": Foreign(Equal.NONE, "for administrators write `om_admin`"),
    "pam_wheel": Foreign(Equal.NONE, "write `pam_if group=NAME`, or `pam_listfile item=group`"),
    **_each(
        "pam_securetty pam_shells pam_rhosts pam_ftp",
        Foreign(
            Equal.NONE, "it is about terminals, shells and hosts: write `pam_if`, or remove it"
        ),
    ),
}
"""Module, without path and ending -> what stands for it here."""

UNKNOWN = Foreign(
    Equal.NONE,
    "no equal is known: write a module, or hand it to the host (pam_linux service=NAME)",
    ages=True,
)
"""What stands for any other module."""


def foreign(name: str, arguments: tuple[str, ...]) -> Foreign:
    """Return what stands for the module that a file of the host calls `name`."""
    base = name.rpartition("/")[2].removesuffix(".so")
    known = FOREIGN.get(base, UNKNOWN)
    if base in {"pam_faillock", "pam_tally", "pam_tally2"} and "authfail" in arguments:
        return Foreign(Equal.DENIES, f"it refuses at each call; {_LOCKOUT}", "pam_deny")
    return known


def advice(name: str) -> str | None:
    """Return what to do about a module that a service file names, and that is not here.

    `None` for one that is not known.
    """
    base = name.rpartition("/")[2].removesuffix(".so")
    if base == "pam_stack":
        return "write include or substack in place of the control: auth include SERVICE"
    known = FOREIGN.get(base)
    if known is None or known.equal is Equal.SAME:
        return None
    if known.equal is Equal.NEEDLESS:
        return f"remove the line: {known.why}"
    if known.equal in {Equal.OURS, Equal.CONFIGURED}:
        return f"write {known.module}: {known.why}; or leave it to the host: {_HOST}"
    if "pam_linux" in known.why:
        return known.why
    return f"{known.why}; or leave it to the host: {_HOST}"


_HASHING = "remove it: new passwords are hashed as [password] scheme in ualauth.toml says"
_SOURCE = "remove it: the USERLIST stands for passwd and shadow"
_ASKING = "remove it: it is about how the host asks and logs"
_LENGTH = "remove it: write [password] minimum_length in ualauth.toml"
_CLASSES = "remove it: write [password] minimum_classes in ualauth.toml"
_LOCKING = "remove it: write [lockout] in ualauth.toml"


def _words(names: str, advice: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), advice)


WORDS: Mapping[str, str] = {
    **_words("sha256 sha512 md5 bigcrypt blowfish yescrypt gost_yescrypt crypt rounds", _HASHING),
    **_words("shadow nis broken_shadow not_set_pass unix", _SOURCE),
    **_words(
        "debug audit quiet quiet_success quiet_fail silent nodelay likeauth try_authtok "
        "authtok_type expose_authtok",
        _ASKING,
    ),
    "nullok_secure": "write nullok, if users without a password are to be let in, or remove it",
    **_words("minlen min max difok maxrepeat maxsequence", _LENGTH),
    **_words("minclass dcredit ucredit lcredit ocredit maxclassrepeat", _CLASSES),
    **_words(
        "obscure usercheck gecoscheck dictcheck dictpath enforcing enforce_for_root retry",
        f"remove it: {_POLICY}",
    ),
    "remember": "remove it: write [password] history in ualauth.toml",
    "no_pass_expiry": "remove it: passwords expire as [password] maximum_age_days says, or never",
    **_words(
        "deny unlock_time fail_interval even_deny_root root_unlock_time preauth authfail "
        "authsucc onerr",
        _LOCKING,
    ),
}
"""What modules of other PAMs are told on their lines -> what to do with that word here."""


def advice_on_word(word: str) -> str | None:
    """Return what to do about an option that a module of ours does not take.

    `None` for one that no other PAM knows.
    """
    return WORDS.get(word.partition("=")[0])
