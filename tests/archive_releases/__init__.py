"""Archives that PyTorch 1.0 to 1.12 wrote, and what their modules gave then.

`archives.tar.xz` holds `<release>/<case>.pt` (or `.ptl`, `.ff`), and beside each `<case>.pt.json`: the calls that the
release itself made of the module it had just loaded, with inputs and outputs. `write_archives.py` wrote them:

    python3.7 -m venv old; old/bin/pip install torch==1.4.0 numpy; old/bin/python write_archives.py out/1.4.0
"""
