"""The light table: the pictures of one study or of two, laid beside each other in a page.

``methods``: what can be shown of a picture, and where its files lie. ``sources``: the originals and the low-resolution
pictures as files, and which pictures a page holds. ``scores``: the numbers of patches, packed. ``table``: all of it as
the JSON that ``templates/light_*.js`` reads.
"""
