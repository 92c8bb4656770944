"""The Streamlit app: pages, panels, components, and the page's address."""
