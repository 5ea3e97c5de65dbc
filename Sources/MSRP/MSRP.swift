// MSRP
