"""Measured data read from files: one way for every format, with axes, units, and what is missing.

reading         the public ``read``: a file to one record
records         the record, its axes, and arrays of a file that are not read yet
checking        arrays of any kind brought to the record's form, refused in words where they cannot be used
stored          which arrays a file holds, and choosing one by its name
hdf5            HDF5 with dimension scales (NSID, netCDF 4), packed values and fill values; classic netCDF
pickled         dictionaries in npy files, without running code of theirs
pictures        tif, png and other pictures
vendors         microscopes' formats, read by rosettasciio
text            curves and matrices in CSV
scaling         values brought to 0 … 1, and back
"""

__all__ = ["checking", "hdf5", "pickled", "pictures", "reading", "records", "scaling", "stored", "text", "vendors"]
