"""IRI Explorer: `streamlit run app.py`."""

from explorer.app.main import run

run()
