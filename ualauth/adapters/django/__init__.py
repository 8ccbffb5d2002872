"""Django's authentication, asking ualauth (extra `django`).

    AUTHENTICATION_BACKENDS = ["ualauth.adapters.django.backend.Backend"]
    MIDDLEWARE = [..., "ualauth.adapters.django.middleware.UnavailableMiddleware"]
    UALAUTH = {"CONFIG_DIR": "/etc/ualauth", "SERVICE": "ual.remote"}

Nothing is imported here: Django's own backends can be imported only when its settings are
there.
"""
