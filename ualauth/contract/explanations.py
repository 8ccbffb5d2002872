"""What each reason code means, and what an administrator can do: for pages, reports and remarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ualauth.reasons import ReasonCode


class Explanation(NamedTuple):
    """What a reason means, and what an administrator can do."""

    meaning: str
    cure: str


EXPLANATIONS: Mapping[ReasonCode, Explanation] = {
    ReasonCode.WRONG_PASSWORD: Explanation(
        "the password is wrong",
        "set another one: `ualauth user passwd`, or in the directory that has it",
    ),
    ReasonCode.WRONG_PROOF: Explanation(
        "the proof of a SASL exchange is wrong: the client has another password",
        "as for `wrong_password`",
    ),
    ReasonCode.NO_PASSWORD: Explanation(
        "the client sent no password, or an empty one, or the user has none",
        "set one: `ualauth user passwd`",
    ),
    ReasonCode.USER_UNKNOWN: Explanation(
        "no user has that name, or more than one has",
        "`ualauth user find` shows names that are alike",
    ),
    ReasonCode.NO_SECRET: Explanation(
        "the user has no stored secret for this SASL mechanism",
        "let the user log in once by PLAIN, or set the password anew",
    ),
    ReasonCode.LOCKED_OUT: Explanation(
        "too many logins failed under this name from this source",
        "`ualauth lockout show` and `clear`; it ends by itself",
    ),
    ReasonCode.TOKEN_REFUSED: Explanation(
        "the token is not of this issuer, not signed by it, or not active",
        "`ualauth oauth test` shows which claim",
    ),
    ReasonCode.TICKET_REFUSED: Explanation(
        "the Kerberos ticket, or what the KDC says of the client, is refused",
        "`ualauth krb5 test`; compare clocks and keytab",
    ),
    ReasonCode.REFUSED: Explanation(
        "a module refused, and does not say more",
        "look at the remark, and at the log of that system",
    ),
    ReasonCode.TOKEN_EXPIRED: Explanation(
        "the token is signed by the issuer, and too old or not valid yet",
        "the client has to get a new one; compare clocks",
    ),
    ReasonCode.TOKEN_NOT_FOR_US: Explanation(
        "the token is signed by the issuer, and for another service, client or user",
        "compare audience, scope and claim with the line's options",
    ),
    ReasonCode.WRONG_USER: Explanation(
        "the proof is another user's than the name says, or a list decides otherwise about it",
        "let the mail program log in by that user's own name",
    ),
    ReasonCode.MAY_NOT_ACT_FOR: Explanation(
        "the user is right, and may not act for the other one",
        "see `[authorization]` in ualauth.toml",
    ),
    ReasonCode.CREDENTIAL_NOT_JUDGED: Explanation(
        "no module of the service can judge this kind of proof",
        "`ualauth modules` says which module judges what; see the service file",
    ),
    ReasonCode.MECHANISM_NOT_OFFERED: Explanation(
        "the service, or the account, does not take this mechanism, or no typed passwords",
        "see `mechanisms` in ualauth.toml, `allowed_mechanisms` of the user or company",
    ),
    ReasonCode.TLS_REQUIRED: Explanation(
        "the mechanism needs an encrypted connection",
        "let the mail program use TLS",
    ),
    ReasonCode.CERTIFICATE_UNTRUSTED: Explanation(
        "no client certificate that the TLS library has verified names a user",
        "see `certificate_names` in ualauth.toml, and the authorities of the server",
    ),
    ReasonCode.MALFORMED: Explanation(
        "the client does not keep to the protocol, or sent a name or password that cannot be one",
        "look at the mail program",
    ),
    ReasonCode.ABANDONED: Explanation(
        "the client gave the exchange up before anything was decided",
        "nothing; many programs do so",
    ),
    ReasonCode.LOCKED: Explanation(
        "the account is locked",
        "`ualauth user unlock`, or in the directory",
    ),
    ReasonCode.ACCOUNT_EXPIRED: Explanation(
        "the account has expired",
        "`ualauth user modify --account-expires`, or in the directory",
    ),
    ReasonCode.NOT_YET_VALID: Explanation(
        "the account may not be used yet",
        "wait, or change its beginning in the directory",
    ),
    ReasonCode.INACTIVE: Explanation(
        "the account was not used for too long, or is inactive",
        "`ualauth user modify`, or in the directory",
    ),
    ReasonCode.PASSWORD_EXPIRED: Explanation(
        "the password is right, and has expired",
        "the user has to change it",
    ),
    ReasonCode.PASSWORD_MUST_CHANGE: Explanation(
        "the password is right, and must be changed before the first login",
        "the user has to change it",
    ),
    ReasonCode.NOT_IN_HOURS: Explanation(
        "the account may not be used at this time",
        "see `allowed_hours`, or the directory's hours",
    ),
    ReasonCode.SOURCE_NOT_ALLOWED: Explanation(
        "the account may not be used from this address",
        "see `allowed_networks`, or the directory's hosts",
    ),
    ReasonCode.SERVICE_NOT_ALLOWED: Explanation(
        "the account may not use this service",
        "see `allowed_services` and `locked_services`, or the directory's rules",
    ),
    ReasonCode.NOT_IN_GROUP: Explanation(
        "the user is not in the group that the rule names",
        "make the user a member, or change the rule",
    ),
    ReasonCode.LISTED: Explanation(
        "a list of those to refuse has the user, group, host or terminal",
        "take it out of the file that the remark names",
    ),
    ReasonCode.NOT_LISTED: Explanation(
        "a list of those to let in does not have the user, group, host or terminal",
        "add it to the file that the remark names",
    ),
    ReasonCode.CONDITION_FAILED: Explanation(
        "a condition of the line does not hold",
        "the remark says which",
    ),
    ReasonCode.CALLER_NOT_ALLOWED: Explanation(
        "the calling process may not use this service",
        "see om_admin, om_diag and om_unix2om",
    ),
    ReasonCode.NOT_ALLOWED: Explanation(
        "a directory or the host does not let this account in, and does not say more",
        "look at the remark, and at the log of that system",
    ),
    ReasonCode.DENIED: Explanation(
        "the entry refuses every user: pam_deny, or a line for trials",
        "change the service file if that is not meant",
    ),
    ReasonCode.NO_DECISION: Explanation(
        "no entry of the stack let the user in, and none refused",
        "add an entry that decides; `ualauth check` tells of it",
    ),
    ReasonCode.PASSWORD_UNSUITABLE: Explanation(
        "the new password breaks a rule, or was retyped otherwise",
        "see `[password]`; the user is told which rule",
    ),
    ReasonCode.PASSWORD_NOT_CHANGEABLE: Explanation(
        "the password may not be changed, or not yet, or not here",
        "see `minimum_age_days`, or the directory's policy",
    ),
    ReasonCode.CHANGED_MEANWHILE: Explanation(
        "another process changed the user at the same moment",
        "try again",
    ),
    ReasonCode.USERLIST_UNAVAILABLE: Explanation(
        "the USERLIST cannot be read, or is not there",
        "look at the database; `ualauth init` makes one",
    ),
    ReasonCode.DIRECTORY_UNAVAILABLE: Explanation(
        "no LDAP server answered as it should",
        "`ualauth ldap test`",
    ),
    ReasonCode.DATABASE_UNAVAILABLE: Explanation(
        "no database answered as it should, or its answer cannot be read",
        "`ualauth sql test`",
    ),
    ReasonCode.KDC_UNAVAILABLE: Explanation(
        "no KDC answered, or none that proved to be the real one",
        "`ualauth krb5 test`",
    ),
    ReasonCode.ISSUER_UNAVAILABLE: Explanation(
        "the issuer of tokens, or its keys, cannot be read",
        "`ualauth oauth test`",
    ),
    ReasonCode.SERVER_UNAVAILABLE: Explanation(
        "the mail server that is asked for the password cannot check it",
        "look at the remark, and at the log of that server",
    ),
    ReasonCode.HOST_UNAVAILABLE: Explanation(
        "the host's PAM cannot be asked, or failed",
        "look at the host's log",
    ),
    ReasonCode.FILE_UNUSABLE: Explanation(
        "a file that the entry needs is missing, unsafe or just being written",
        "the remark names the file",
    ),
    ReasonCode.TIMED_OUT: Explanation(
        "the module did not answer in time",
        "see `timeout` in `[stack]`, and what the module asks",
    ),
    ReasonCode.OVERLOADED: Explanation(
        "too many logins are waiting",
        "see the page on scaling; it ends by itself",
    ),
    ReasonCode.SHORTAGE: Explanation(
        "the process is short of memory, files or threads",
        "look at the limits of the process",
    ),
    ReasonCode.NOT_COUNTED: Explanation(
        "a failed login can be counted in this process alone",
        "let the USERLIST take changes again",
    ),
    ReasonCode.CONVERSATION_FAILED: Explanation(
        "the application could not ask the user, or gave no answer",
        "look at the application's log",
    ),
    ReasonCode.INCOMPLETE: Explanation(
        "the application put a question off: the login goes on later",
        "nothing",
    ),
    ReasonCode.MISCONFIGURED: Explanation(
        "the line, or the service, has a mistake",
        "`ualauth check`",
    ),
    ReasonCode.MODULE_MISSING: Explanation(
        "the module, or a library that it needs, is not installed",
        "`ualauth modules`",
    ),
    ReasonCode.MODULE_FAILED: Explanation(
        "the module has a bug: it raised an exception, or answered no code",
        "the log `ualauth.login` says where",
    ),
    ReasonCode.UNAVAILABLE: Explanation(
        "a module could not check, and does not say more",
        "look at the remark, and at the log of that system",
    ),
}
