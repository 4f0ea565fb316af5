"""maskarc.opencv: a wheel that cannot be loaded, as on machines without a desktop."""

import subprocess
import sys

BROKEN = 'raise ImportError("libGL.so.1: cannot open shared object file")'


def test_a_broken_opencv_is_told_with_its_remedy(tmp_path):
    (tmp_path / "cv2.py").write_text(BROKEN)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import maskarc.images"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "OpenCV cannot be loaded (libGL.so.1: cannot open" in last
    assert "pip install --force-reinstall --no-deps opencv-python-headless" in last
