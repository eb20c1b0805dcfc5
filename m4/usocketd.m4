# SPDX-License-Identifier: MIT
#
# Macros of usocketd's configure.

# USOCKETD_FLAG(VARIABLE, FLAGS, [compile|link])
# Appends FLAGS to VARIABLE if the compiler takes them without a warning.
AC_DEFUN([USOCKETD_FLAG], [
  AS_VAR_PUSHDEF([cache], [usocketd_cv_flag_$3_$2])
  AC_CACHE_CHECK([whether $CC takes $2], [cache], [
    usocketd_save_CFLAGS=$CFLAGS
    usocketd_save_LDFLAGS=$LDFLAGS
    m4_if([$3], [link],
      [LDFLAGS="$LDFLAGS -Werror $2"],
      [CFLAGS="$CFLAGS -Werror $2"])
    m4_if([$3], [link], [AC_LINK_IFELSE], [AC_COMPILE_IFELSE])(
      [AC_LANG_PROGRAM([[]], [[]])],
      [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
    CFLAGS=$usocketd_save_CFLAGS
    LDFLAGS=$usocketd_save_LDFLAGS
  ])
  AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
  AS_VAR_POPDEF([cache])
])

# USOCKETD_PKG(PREFIX, MODULE, DEBIAN-PACKAGE, WHAT-FOR)
# A library that must be there; without it the message names its package.
AC_DEFUN([USOCKETD_PKG], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [USOCKETD_MISSING([$2], [$3], [$4])])
])

# USOCKETD_MISSING(WHAT, DEBIAN-PACKAGE, WHAT-FOR)
AC_DEFUN([USOCKETD_MISSING],
  [AC_MSG_ERROR([$1 is missing ($3): install Debian's package $2, or run tools/setup, which installs all that is needed.])])
