"""Reading what an answer has drawn, whichever way it was drawn, for the checks."""

from pytorch_refresher._common.marking import expect

import numpy as np


def heat_maps(drawn: object) -> list[tuple]:
    """Each axes that shows a matrix, with its image, of a figure, of some axes or of pyplot.

    An image is what imshow, matshow, pcolormesh or pcolor return; color bars don't count. Tells
    whoever has returned something else to return the figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.collections import PolyQuadMesh, QuadMesh
    from matplotlib.figure import Figure

    while isinstance(drawn, list | tuple | np.ndarray) and len(drawn):
        drawn = drawn[0]
    figure = plt.gcf() if drawn is plt else getattr(drawn, "figure", None)
    expect(isinstance(figure, Figure), "return the matplotlib figure")
    found = []
    for axes in figure.axes:
        meshes = (each for each in axes.collections if isinstance(each, PolyQuadMesh | QuadMesh))
        images = [*axes.images, *meshes]
        if images and axes.get_label() != "<colorbar>":
            found.append((axes, images[0]))
    return found


def cell_centers(image, axis: str) -> list[float]:
    """Where the columns (axis "x") or rows ("y") of an image have their middles, in their order."""
    if hasattr(image, "get_coordinates"):  # of pcolormesh or pcolor
        corners = image.get_coordinates()
        edges = corners[0, :, 0] if axis == "x" else corners[:, 0, 1]
    else:  # of imshow or matshow
        left, right, bottom, top = image.get_extent()
        rows, columns = image.get_array().shape[:2]
        first, last = (bottom, top) if image.origin == "lower" else (top, bottom)
        ends = (left, right, columns + 1) if axis == "x" else (first, last, rows + 1)
        edges = np.linspace(*ends)
    return ((edges[:-1] + edges[1:]) / 2).tolist()
