// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_LIBRA_HPP
#define LIBRA_LIBRA_HPP

#include <libra/advise.hpp>
#include <libra/attach.hpp>
#include <libra/client.hpp>
#include <libra/error.hpp>
#include <libra/events.hpp>
#include <libra/inspect.hpp>
#include <libra/message_class.hpp>
#include <libra/parser_loader.hpp>
#include <libra/process.hpp>
#include <libra/types.hpp>
#include <libra/version.hpp>

#endif
