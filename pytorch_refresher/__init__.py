"""Twenty lessons from a first tensor to a transformer encoder; each folder is one lesson."""
