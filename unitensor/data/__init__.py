"""Data sets, samplers and loaders, made of the public namespace alone."""

from __future__ import annotations

from .collate import collate as collate, default_collate as default_collate
from .datasets import (
    ConcatDataset as ConcatDataset,
    Dataset as Dataset,
    IterableDataset as IterableDataset,
    Stream as Stream,
    Subset as Subset,
    TableDataset as TableDataset,
    TensorDataset as TensorDataset,
    as_dataset as as_dataset,
    random_split as random_split,
)
from .loader import DataLoader as DataLoader
from .samplers import (
    BatchSampler as BatchSampler,
    RandomSampler as RandomSampler,
    Sampler as Sampler,
    SequentialSampler as SequentialSampler,
    SubsetRandomSampler as SubsetRandomSampler,
    WeightedRandomSampler as WeightedRandomSampler,
)
