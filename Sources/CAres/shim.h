// c-ares (Debian: libc-ares-dev, from 1.18): asynchronous DNS queries.
#pragma once
#include <ares.h>
