"""How good generated pictures are.

    from dcgan.metrics.evaluate import evaluate          # a run or a folder, with the protocol of each figure
    from dcgan.metrics import distances, features        # FID, KID, precision ... of matrices; what makes them
    from dcgan.metrics.memorisation import memorisation  # does a generator copy?

Nothing is imported here: what is small should start fast.
"""
