"""The WSGI application; loaded before the workers are forked."""

from django.core.wsgi import get_wsgi_application

from .meter import timed

application = timed(get_wsgi_application())
