"""The steps of a run, one public function a file. A step reads, computes and writes, in this order.

All that it computes is in pure functions; its record is written last, so a step that broke or was
killed leaves nothing to be read.
"""
