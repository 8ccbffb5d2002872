"""A configuration of pymap's for servers of tests and benchmarks."""

from __future__ import annotations

import ssl
from argparse import Namespace
from typing import Any

from pymap.backend.dict import Config


def pymap_config(context: ssl.SSLContext, **options: Any) -> Config:
    """Return one without users of its own."""
    return Config(
        Namespace(passlib_cfg=None, proxy_protocol=None),
        host=None,
        port=0,
        ssl_context=context,
        demo_data=False,
        demo_user="",
        demo_password="",
        reject_dnsbl=False,
        **options,
    )
