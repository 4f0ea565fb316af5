"""Masking sets beyond one machine: the bulk tool's step as an Apache Beam pipeline.

The photos that it writes are, byte for byte, those of `bulk.mask_folder`; the manifest
has the same lines in shards. Paths may be of any file system that Beam knows, such as
``gs://bucket/photos``. Needs the extra ``beam``.
"""

import os
from collections.abc import Sequence
from typing import Any

from maskarc import extras, files, images
from maskarc.masks import bulk, labels, manifest, masking


def mask_files(
    source: str,
    output: str,
    *,
    pipeline_arguments: Sequence[str] = (),
    num_shards: int = 0,
    **options: Any,
) -> dict[str, int]:
    """Runs the pipeline over all files below a folder, and waits for its end.

    A pipeline that is run again does all photos again, to the same result.

    Args:
      source: folder of the photos; hidden files are ignored.
      output: folder for the results, apart from the source; new, empty, or of an
        earlier run with the same settings (checked where it is a local folder).
      pipeline_arguments: Beam's own, such as ``--runner=FlinkRunner`` or
        ``--direct_num_workers=4``; the workers need maskarc, the detector's packages,
        and the files that the settings name.
      num_shards: files of the manifest; 0 lets the runner choose.
      **options: the fields of `masking.Settings`.

    Returns:
      How many files had which outcome; empty if the runner reports no counters.

    Raises:
      ImportError: apache-beam is not installed, or the detector's packages are not.
      FileNotFoundError, ValueError: as `bulk.mask_folder`.
    """
    beam = _import_beam()
    settings = masking.with_detector(masking.Settings(**options))
    source, output = _place(source), _place(output)
    if f"{output}/".startswith(f"{source}/") or f"{source}/".startswith(f"{output}/"):
        raise ValueError(f"input {source} and output {output} must not overlap")
    if not _is_remote(source) and not _is_remote(output):
        bulk.prepare(source, output, settings)
    if "yolo" in settings.labels:
        yaml = labels.yolo_yaml(masking.load_masks(settings).kinds)
        _write(f"{output}/{labels.YOLO_NAMES}", yaml.encode())
    pipeline = beam.Pipeline(
        options=beam.options.pipeline_options.PipelineOptions(list(pipeline_arguments))
    )
    rows = mask_photos(pipeline, source, output, settings)
    _ = (
        rows
        | "to lines" >> beam.Map(_line)
        | "write manifest"
        >> beam.io.WriteToText(
            f"{output}/manifest",
            file_name_suffix=".jsonl",
            num_shards=num_shards,
            coder=beam.coders.BytesCoder(),
        )
    )
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query()["counters"]
    return {c.key.metric.name: c.result for c in counters if _is_outcome(c)}


def mask_photos(pipeline: Any, source: str, output: str, settings: Any) -> Any:
    """The part that masks and writes photos, for a pipeline of your own.

    Args:
      pipeline: a ``beam.Pipeline``.
      source: folder of the photos, without a slash at its end.
      output: folder for the results, without a slash at its end.
      settings: `masking.Settings`, with a detector or a landmark file.

    Returns:
      A PCollection of rows of the manifest, one a file.

    Raises:
      ImportError: apache-beam is not installed.
    """
    beam = _import_beam()
    from apache_beam.io import fileio

    return (
        pipeline
        | "match" >> fileio.MatchFiles(f"{source}/**")
        | "spread" >> beam.Reshuffle()
        | "mask" >> beam.Map(_mask_file, source, output, settings)
    )


def _mask_file(
    file: Any, source: str, output: str, settings: masking.Settings
) -> dict[str, Any]:
    """Masks one matched file, writes the results and returns its row."""
    from apache_beam.metrics import Metrics

    name = _name(file, source)
    result = _mask(file, name, settings)
    for path, content in result.files.items():
        _write(f"{output}/{path}", content)
    Metrics.counter("maskarc", result.row["outcome"]).inc()
    return result.row


def _mask(file: Any, name: str, settings: masking.Settings) -> masking.MaskedPhoto:
    from apache_beam.io import filesystem, filesystems

    if any(part.startswith(".") for part in name.split("/")):
        return masking.left_out(name, settings, manifest.IGNORED, files.HIDDEN)
    if not images.is_image(name):
        return masking.mask_photo(b"", name, settings)
    try:
        if file.size_in_bytes > images.MAX_BYTES:
            raise OSError(f"the file is larger than {images.MAX_BYTES} bytes")
        with filesystems.FileSystems.open(
            file.path, compression_type=filesystem.CompressionTypes.UNCOMPRESSED
        ) as opened:
            data = opened.read()
    except OSError as error:
        return masking.left_out(name, settings, manifest.UNREADABLE, str(error))
    table = bulk.load_table(settings)
    known = None if table is None else bulk.known_row(table, name)
    return masking.mask_photo(data, name, settings, known)


def _write(path: str, content: bytes) -> None:
    from apache_beam.io import filesystem, filesystems

    folder = path.rpartition("/")[0]
    if not _is_remote(path):
        os.makedirs(folder, exist_ok=True)
    with filesystems.FileSystems.create(
        path, compression_type=filesystem.CompressionTypes.UNCOMPRESSED
    ) as file:
        file.write(content)


def _line(row: dict[str, Any]) -> bytes:
    return files.to_json(row).rstrip(b"\n")


def _name(file: Any, source: str) -> str:
    return file.path[len(source) :].lstrip("/")


def _is_outcome(counter: Any) -> bool:
    return counter.key.metric.namespace == "maskarc"


def _is_remote(path: str) -> bool:
    return "://" in path


def _place(folder: str) -> str:
    """The folder without a slash at its end; a local one as an absolute path."""
    return folder.rstrip("/") if _is_remote(folder) else os.path.abspath(folder)


def _import_beam() -> Any:
    with extras.needed("beam"):
        import apache_beam
        import apache_beam.options.pipeline_options
    return apache_beam
