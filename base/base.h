/* base: what every other module stands on. */
#ifndef DUET_BASE_H
#define DUET_BASE_H

#include "base/aside.h"
#include "base/buffer.h"
#include "base/cjson.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/loop.h"
#include "base/median.h"
#include "base/memory.h"
#include "base/proc_stat.h"
#include "base/process.h"
#include "base/ring.h"
#include "base/units.h"
#include "base/unix_socket.h"
#include "base/wire.h"
#include "base/writer.h"

#endif
