"""The app's script, away from the folder `pages`, which Streamlit would take for its own kind.

Next to it, Streamlit would serve those files under their own names until the navigation was drawn.
"""
