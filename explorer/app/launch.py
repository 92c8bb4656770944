"""Start the app: `streamlit run` with the app's theme and server settings.

Streamlit reads `.streamlit/config.toml` from the folder of the script that it runs. An installed
package carries that file next to entry.py; a checkout keeps it next to app.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
CONFIG = Path(".streamlit/config.toml")


def script() -> Path:
    """The script to run: app.py in a checkout, the package's entry.py where it is installed."""
    checkout = PROJECT / "app.py"
    if not (HERE / CONFIG).is_file() and (PROJECT / CONFIG).is_file() and checkout.is_file():
        return checkout
    return HERE / "entry.py"


def launch(
    address: str = "localhost", port: int | None = None, arguments: Sequence[str] = ()
) -> None:
    """Serve the app until it is interrupted.

    address: where to listen; 0.0.0.0 lets other machines in. port: None takes a free one from
    Streamlit's usual 8501 on. arguments: further options of `streamlit run`. Ends the process with
    Streamlit's message where one of them is unknown.
    """
    from streamlit.web import cli  # half a second, which other commands should not take

    options = [f"--server.address={address}"]
    options += [] if port is None else [f"--server.port={port}"]
    cli.main(["run", str(script()), *options, *arguments], prog_name="streamlit")
