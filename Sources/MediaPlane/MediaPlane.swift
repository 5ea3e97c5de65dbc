// MediaPlane
