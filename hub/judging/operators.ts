/** Element types of ONNX by their number (`TensorProto.DataType`): name and bytes an element. */
export const elementTypes: ReadonlyMap<number, { readonly name: string; readonly bytes: number }> =
  new Map([
    [1, { name: 'float32', bytes: 4 }],
    [2, { name: 'uint8', bytes: 1 }],
    [3, { name: 'int8', bytes: 1 }],
    [4, { name: 'uint16', bytes: 2 }],
    [5, { name: 'int16', bytes: 2 }],
    [6, { name: 'int32', bytes: 4 }],
    [7, { name: 'int64', bytes: 8 }],
    [9, { name: 'bool', bytes: 1 }],
    [10, { name: 'float16', bytes: 2 }],
    [11, { name: 'float64', bytes: 8 }],
    [12, { name: 'uint32', bytes: 4 }],
    [13, { name: 'uint64', bytes: 8 }],
    [16, { name: 'bfloat16', bytes: 2 }],
  ])

/** The newest opset that every POP in the field runs. */
export const opsetMax = 17
/** Before it operators had other meanings than ours. */
export const opsetMin = 7

/**
 * The operators of a model, all of the standard domain. Left out on purpose: `Loop`, `If` and `Scan`
 * (an endless loop hangs every runtime), sequences and optionals, strings, images, and all that draws
 * random numbers.
 */
export const allowedOperators: ReadonlySet<string> = new Set(
  `Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Compress Concat
   Constant ConstantOfShape Conv Cos CumSum DequantizeLinear Div DynamicQuantizeLinear Einsum Elu Equal Erf
   Exp Expand Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool
   Greater GreaterOrEqual GRU HardSigmoid HardSwish Identity IsInf IsNaN LayerNormalization
   LeakyRelu Less LessOrEqual Log LogSoftmax LSTM MatMul MatMulInteger Max MaxPool Mean Min Mod Mul
   Neg NonZero Not OneHot Or Pad Pow PRelu QuantizeLinear Range Reciprocal ReduceL1 ReduceL2
   ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
   RNN Round ScatterElements ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus
   Softsign Split Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Trilu Unsqueeze Where Xor`
    .trim()
    .split(/\s+/),
)
