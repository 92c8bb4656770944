"""Class: ask a lecture hall what it sees, and show its answers next to the measures'."""

from __future__ import annotations

import streamlit as st

from explorer.app import session
from explorer.app.components.page_styles import use_page_styles
from explorer.app.naming import literal, sentence
from explorer.app.panels import class_controls, class_open, class_progress, class_view
from explorer.study.records import StudyError, Unavailable

use_page_styles()
try:
    if code := st.query_params.get(class_open.CODE):
        class_view.show(code)
    else:
        if class_controls.deleted():
            st.success("The session and all its answers are deleted.", icon=":material/delete:")
        class_open.show()
except Unavailable as error:
    class_progress.wait_for_database(error)
except StudyError as error:  # such as a database of a newer version
    st.error(literal(sentence(str(error))), icon=":material/error:")
session.engine().start()
