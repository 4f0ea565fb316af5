"""OpenCV, for the whole library; or a word on why it is not there.

Two packages provide the module `cv2`: opencv-python-headless, which comes with maskarc,
and opencv-python, which wants libraries of a desktop. Either will do.
"""

try:
    import cv2
except ImportError as error:
    raise ImportError(
        f"OpenCV cannot be loaded ({error}): pip uninstall -y opencv-python "
        "opencv-contrib-python; pip install --force-reinstall --no-deps "
        "opencv-python-headless",
        name=error.name,
    ) from error

__all__ = ["cv2"]
