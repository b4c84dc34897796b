#include "textflag.h"
#include "funcdata.h"

// func through(call func())
TEXT ·through(SB), NOSPLIT|NOFRAME, $0-8
	NO_LOCAL_POINTERS
	PUSHQ BX
	MOVQ 16(SP), DX
	PUSHQ $7
	PUSHQ $8
	MOVQ (DX), AX
	CALL AX
	POPQ AX
	POPQ AX
	POPQ BX
	RET
