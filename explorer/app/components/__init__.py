"""Custom Streamlit components: pictures, deferred drawing, the sidebar on phones."""
