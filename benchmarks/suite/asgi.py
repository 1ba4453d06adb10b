"""What uvicorn serves."""

import os

from django.core.asgi import get_asgi_application

os.environ["BENCHMARK_ASGI"] = "1"
application = get_asgi_application()
