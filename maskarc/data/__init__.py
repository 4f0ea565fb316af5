"""Sources of labelled faces, transforms, the grain pipeline, pair lists."""
