"""Data tests see no folder of the user's and no network beyond this machine."""

import http.server
import threading
import urllib.request

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    real = urllib.request.urlopen

    def local_only(request, *args, **kwargs):
        url = getattr(request, "full_url", request)
        if not url.startswith("http://127.0.0.1:"):
            raise AssertionError(f"a test asked for {url}")
        return real(request, *args, **kwargs)

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(urllib.request, "urlopen", local_only)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, and no TSINIT_DATA."""
    monkeypatch.delenv("TSINIT_DATA", raising=False)
    monkeypatch.setenv("TSINIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server():
    """A server on this machine: `pages` maps a path to a body, or to (body, promised length)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = self.server.pages.get(self.path)
            if page is None:
                return self.send_error(404)
            body, promised = page if isinstance(page, tuple) else (page, len(page))
            self.server.n_requests += 1
            self.send_response(200)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.pages, running.n_requests = {}, 0
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
