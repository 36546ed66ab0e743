// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_EXPORT_HPP
#define LIBRA_EXPORT_HPP

/// Marks what the shared library exports; everything else is hidden.
#define LIBRA_API __attribute__((visibility("default")))

/// Hides a class within an exported one.
#define LIBRA_HIDDEN __attribute__((visibility("hidden")))

#endif
