"""libkrb5's contexts are used again: for a moment, by one call at a time, by the right clock."""

from __future__ import annotations

import ctypes
import time

import pytest

from tests.kerberos import Realm
from tests.machine import patience
from ualauth.kerberos.context import Context
from ualauth.kerberos.context_pool import ContextPool
from ualauth.kerberos.failures import KerberosFault
from ualauth.kerberos.krb5_conf import Krb5Conf
from ualauth.stack.folder import FollowedFolder, ServiceFolder


@pytest.fixture
def contexts(kdc: Realm) -> ContextPool:
    """Return the contexts of the realm."""
    files = FollowedFolder(ServiceFolder(kdc.folder / "pam.d"), interval=0.05)
    return ContextPool(Krb5Conf(str(kdc.conf), files).current)


def test_a_context_is_used_again(contexts: ContextPool) -> None:
    with contexts.one(1) as first:
        pass
    with contexts.one(1) as second:
        assert second is first


def test_two_calls_at_once_have_two_contexts(contexts: ContextPool) -> None:
    with contexts.one(1) as first, contexts.one(1) as second:
        assert second is not first
        assert second.handle.value != first.handle.value


def test_a_context_is_not_used_again_after_an_error(contexts: ContextPool) -> None:
    with pytest.raises(KerberosFault), contexts.one(1) as first:
        first.made("krb5_cc_resolve", b"NOSUCH:cache")
    with contexts.one(1) as second:
        assert second is not first


def test_a_change_of_krb5_conf_is_noticed(kdc: Realm, contexts: ContextPool) -> None:
    with contexts.one(1) as before:
        assert before.default_realm == "UAL.TEST"
    text = kdc.conf.read_text()
    try:
        kdc.conf.write_text(text.replace("= UAL.TEST", "= OTHER.TEST", 1))
        end = time.monotonic() + patience(20)
        while _default_realm(contexts) != "OTHER.TEST":
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        kdc.conf.write_text(text)


def _default_realm(contexts: ContextPool) -> str:
    with contexts.one(1) as context:
        return context.default_realm


def test_no_user_logs_in_by_the_clock_that_a_kdc_told_another(contexts: ContextPool) -> None:
    with contexts.one(1) as first:
        tomorrow = int(time.time()) + 86400
        # What libkrb5 does with the clock of a KDC that it asked (kdc_timesync).
        assert _LIBRARY.krb5_set_real_time(first.handle, tomorrow, 0) == 0
        assert _clock(first) >= tomorrow
    with contexts.one(1) as second:
        assert second is first
        assert abs(_clock(second) - time.time()) < 60


_LIBRARY = ctypes.CDLL("libkrb5.so.3")


def _clock(context: Context) -> int:
    clock = ctypes.c_int32()
    assert _LIBRARY.krb5_timeofday(context.handle, ctypes.byref(clock)) == 0
    return clock.value


def test_closing_leaves_none(contexts: ContextPool) -> None:
    with contexts.one(1) as first:
        pass
    contexts.close()
    with contexts.one(1) as second:
        assert second is not first
