"""The rows behind every figure of commission. All of them are money, so all need the right to see it."""

from commissions.datasets import differences, expected, lines, statements  # noqa: F401 -- each registers its datasets
