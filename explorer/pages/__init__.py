"""One file per Streamlit page, and the widgets that pages share."""
