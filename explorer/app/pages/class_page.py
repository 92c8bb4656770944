"""Class: ask a lecture hall what it sees, and show its answers next to the measures'."""

from __future__ import annotations

import streamlit as st

from explorer.app import session
from explorer.app.components.page_styles import use_page_styles
from explorer.app.naming import literal, sentence
from explorer.app.panels import class_controls, class_open, class_view
from explorer.study.records import StudyError

use_page_styles()
try:
    if code := st.query_params.get(class_open.CODE):
        class_view.show(code)
    else:
        if class_controls.deleted():
            st.success("The session and all its answers are deleted.", icon=":material/delete:")
        class_open.show()
except StudyError as error:  # the database cannot be opened or read
    st.error(literal(sentence(str(error))), icon=":material/error:")
session.engine().start()
