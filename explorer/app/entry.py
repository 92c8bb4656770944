"""The entry of an installed package, as app.py is that of a checkout: `iri app` runs it."""

import streamlit as st

from explorer.app.script.main import SCRIPT
from explorer.app.serving import start
from explorer.live.routes import ROUTES as LIVE
from explorer.phones.routes import ROUTES as PHONES

app = st.App(SCRIPT, routes=[*LIVE, *PHONES], middleware=start())
