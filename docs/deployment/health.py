"""Ends with 0 where the app answers at 127.0.0.1, else with a sentence and 1: `health.py [PORT]`.

Only `_stcore/health` says "ok"; every other path answers with the page, whatever state the app is
in. Under a base path (STREAMLIT_SERVER_BASE_URL_PATH) it is below that.
"""

import os
import sys
import urllib.request

PATIENCE_SECONDS = 5


def main(port: str = "8501") -> None:
    base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    path = "/".join(filter(None, [base, "_stcore/health"]))
    try:
        address = f"http://127.0.0.1:{port}/{path}"
        answer = urllib.request.urlopen(address, timeout=PATIENCE_SECONDS).read()
    except OSError as error:
        sys.exit(f"The app does not answer at {address}: {error}")
    if answer != b"ok":
        sys.exit(f"{address} does not say ok")


main(*sys.argv[1:])
