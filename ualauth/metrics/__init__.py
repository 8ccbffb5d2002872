"""Metrics for Prometheus (extra `metrics`).

from ualauth import Authenticator
from ualauth.metrics import Metrics

metrics = Metrics()
auth = Authenticator("/etc/ualauth", observers=[metrics])
start_http_server(9464, registry=metrics.exposed)  # of prometheus_client
"""

from ualauth.system.extras import require

require(__name__, "prometheus_client")

from ualauth.metrics.families import FAMILIES, Family  # noqa: E402 - says first what is missing
from ualauth.metrics.metrics import Metrics  # noqa: E402 - says first what is missing

__all__ = ["FAMILIES", "Family", "Metrics"]
