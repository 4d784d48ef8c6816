"""Products of sparse matrices with dense blocks, in float32, without a dense users x items matrix."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array


def unit_rows(matrix: csr_array[np.float32], shrinkage: float = 0) -> csr_array[np.float32]:
    """The matrix with each row divided by its Euclidean length; empty rows stay empty.

    Shrinkage, added to the squared length, makes short rows shorter than 1: rows with little data count less.
    """
    lengths = np.sqrt(matrix.multiply(matrix).sum(axis=1) + np.float32(shrinkage))
    inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return csr_array(diags_array(inverse.astype(np.float32)) @ matrix)


def dense_times(left: NDArray[np.float32], right_transposed: csr_array[np.float32]) -> NDArray[np.float32]:
    """Compute left @ right for a dense block and a transposed sparse matrix; shape (len(left), columns)."""
    return np.ascontiguousarray((right_transposed @ np.ascontiguousarray(left.T)).T)
