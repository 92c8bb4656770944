"""IRI Explorer: `streamlit run app.py`."""

import streamlit as st

from explorer.app.script.main import SCRIPT
from explorer.app.serving import start
from explorer.live.routes import ROUTES as LIVE
from explorer.phones.routes import ROUTES as PHONES

app = st.App(SCRIPT, routes=[*LIVE, *PHONES], middleware=start())
