// ProxyCSCF
