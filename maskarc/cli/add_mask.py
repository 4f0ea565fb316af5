"""Adds a mask of your own, a PNG with a transparent background, to a mask database.

The picture shows the mask from the front. The anchors that hang it on a face are found
in its outline, or given, or dragged into place on a web page of this machine's own.
"""

import argparse
import pathlib

HELP = "add a PNG of a mask to a database"
KEPT = "the database is as it was"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("png", help="PNG of a mask, seen from the front; only read")
    parser.add_argument(
        "--database",
        required=True,
        metavar="JSON",
        help="database to add it to; made if it does not exist",
    )
    parser.add_argument("--name", default="", help="default: the file's name")
    parser.add_argument("--kind", default="own", help="its type (default: own)")
    parser.add_argument(
        "--anchors",
        nargs="+",
        default=[],
        metavar="NAME=X,Y",
        help="pixels of top, left, right, chin, and if you like lower_left and "
        "lower_right; default: found in the outline",
    )
    parser.add_argument(
        "--click", action="store_true", help="check and move the anchors in the browser"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="with --click, only print the address"
    )
    parser.add_argument(
        "--preview", default="", metavar="PNG", help="picture of faces that wear it"
    )


def run(arguments: argparse.Namespace) -> None:
    """Adds the mask and prints its anchors."""
    from maskarc import files, images
    from maskarc.masks import anchor_page, database, own

    path = pathlib.Path(arguments.png)
    if not path.is_file():
        raise FileNotFoundError(f"no picture at {path}")
    for output in filter(None, (arguments.database, arguments.preview)):
        files.check_place(output, path)
    png, name = path.read_bytes(), arguments.name or path.stem
    anchors = _parse(arguments.anchors)
    if anchors is None:
        anchors = own.find_anchors(database.decode_png(png)[0])
    mask = own.mask_of_png(png, name, kind=arguments.kind, anchors=anchors)
    if arguments.click:
        anchors = anchor_page.ask(
            png,
            anchors,
            open_browser=not arguments.no_browser,
            announce=lambda address: print(
                f"drag the anchors at {address}", flush=True
            ),
        )
        mask = own.mask_of_png(png, name, kind=arguments.kind, anchors=anchors)
    if arguments.preview:
        images.write_image(arguments.preview, _preview(mask))
    database.add(arguments.database, mask)
    print(f"{name} → {arguments.database}; to use the same anchors again:")
    print("--anchors", *(f"{n}={x:.1f},{y:.1f}" for n, (x, y) in anchors.items()))


def _parse(texts: list[str]) -> dict[str, tuple[float, float]] | None:
    """The anchors of NAME=X,Y texts; None if there are none."""
    anchors = {}
    for text in texts:
        name, _, numbers = text.partition("=")
        try:
            x, y = map(float, numbers.split(","))
        except ValueError as error:
            raise ValueError(f"expected NAME=X,Y, got {text!r}") from error
        anchors[name] = x, y
    return anchors or None


def _preview(mask):
    """Twelve generated faces that wear the mask, uint8[H, W, 3]."""
    from maskarc.data import synthetic
    from maskarc.masks import figures, rendering

    faces = synthetic.SyntheticFaces(12, 1, size=256)
    pictures = [
        rendering.render(face["image"], face["landmarks"], mask)
        for face in (faces[index] for index in range(12))
    ]
    return figures.grid(pictures, columns=6, cell=256)
