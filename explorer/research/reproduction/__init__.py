"""The paper's questions, asked of the embedded zoo: `python -m explorer reproduce`."""
