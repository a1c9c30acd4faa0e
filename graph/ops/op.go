package ops

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// Value is what is known of one tensor of a model before it runs.
type Value struct {
	Name  string
	Type  onnx.TensorProto_DataType
	Shape []int
	Const *onnx.Tensor // nil unless the value is known at compile time
}

// Form is an operator with its attributes read, for one node.
type Form interface {
	// Infer returns the outputs' types and shapes (the values are unnamed). An absent
	// optional input is nil. It is called once, before Eval or Lower.
	Infer(in []*Value) ([]*Value, error)
	// Eval computes the outputs by the definition, floats in float64.
	Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error)
}

// Lowerer is a form with a fast float32 spelling.
type Lowerer interface {
	Form
	// Lower adds the operator to b's graph and returns one node an output;
	// nil for an output nobody can ask for (Dropout's mask in inference).
	Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error)
}

// Costly is a form whose Eval takes more than one multiply-add for each element of its
// operands and results.
type Costly interface {
	// MultiplyAdds counts them, after Infer; the error says that no int can.
	MultiplyAdds() (int, error)
}

// MaxRank is the most dimensions that the kernels behind Lower walk over.
const MaxRank = 8

// Op is one row of the table.
type Op struct {
	// Since is the oldest opset whose form of the operator is read.
	Since int
	// Read turns a node's attributes into its form.
	Read func(a *Attrs) Form
	// Differentiable says that Lower's kernels have gradients; the gradient check
	// ranges over the rows that say so.
	Differentiable bool
	// Mixed lists the input slots that Lower takes of other types than float32, too.
	Mixed []int
	// Quantizes says that it rounds to integers which stand for floats: unlike a
	// comparison, whose result no gradient is expected to pass, it is in learning's way.
	Quantizes bool
	// Weights is the input slot of a layer's weights (1 for Conv), 0 where the
	// operator starts no layer.
	Weights int
	// Learn lists the input slots whose constants can learn.
	Learn []int
}

// Table has a row for every operator of the default domain that graft runs.
var Table = map[string]Op{
	"Abs":                       {Since: 6, Read: readAbs, Differentiable: true},
	"Acos":                      {Since: 7, Read: readAcos, Differentiable: true},
	"Acosh":                     {Since: 9, Read: readAcosh, Differentiable: true},
	"Add":                       {Since: 6, Read: readAdd, Differentiable: true},
	"And":                       {Since: 6, Read: readAnd},
	"ArgMax":                    {Since: 6, Read: readArgMax},
	"ArgMin":                    {Since: 6, Read: readArgMin},
	"Asin":                      {Since: 7, Read: readAsin, Differentiable: true},
	"Asinh":                     {Since: 9, Read: readAsinh, Differentiable: true},
	"Atan":                      {Since: 7, Read: readAtan, Differentiable: true},
	"Atanh":                     {Since: 9, Read: readAtanh, Differentiable: true},
	"AveragePool":               {Since: 6, Read: readAveragePool, Differentiable: true},
	"BatchNormalization":        {Since: 6, Read: readBatchNormalization, Differentiable: true, Learn: []int{1, 2}},
	"Cast":                      {Since: 6, Read: readCast, Differentiable: true},
	"CastLike":                  {Since: 15, Read: readCastLike, Differentiable: true},
	"Ceil":                      {Since: 6, Read: readCeil, Differentiable: true},
	"Celu":                      {Since: 12, Read: readCelu, Differentiable: true},
	"Clip":                      {Since: 6, Read: readClip, Differentiable: true},
	"Concat":                    {Since: 6, Read: readConcat, Differentiable: true},
	"Constant":                  {Since: 6, Read: readConstant},
	"ConstantOfShape":           {Since: 9, Read: readConstantOfShape},
	"Conv":                      {Since: 6, Read: readConv, Differentiable: true, Weights: 1, Learn: []int{1, 2}},
	"ConvInteger":               {Since: 10, Read: readConvInteger, Quantizes: true},
	"ConvTranspose":             {Since: 6, Read: readConvTranspose, Differentiable: true, Weights: 1, Learn: []int{1, 2}},
	"Cos":                       {Since: 6, Read: readCos, Differentiable: true},
	"Cosh":                      {Since: 9, Read: readCosh, Differentiable: true},
	"CumSum":                    {Since: 11, Read: readCumSum, Differentiable: true},
	"DepthToSpace":              {Since: 6, Read: readDepthToSpace, Differentiable: true},
	"DequantizeLinear":          {Since: 10, Read: readDequantizeLinear, Quantizes: true},
	"Div":                       {Since: 6, Read: readDiv, Differentiable: true},
	"Dropout":                   {Since: 6, Read: readDropout, Differentiable: true},
	"DynamicQuantizeLinear":     {Since: 11, Read: readDynamicQuantizeLinear, Quantizes: true},
	"Einsum":                    {Since: 12, Read: readEinsum, Differentiable: true},
	"Elu":                       {Since: 6, Read: readElu, Differentiable: true},
	"Equal":                     {Since: 6, Read: readEqual},
	"Erf":                       {Since: 9, Read: readErf, Differentiable: true},
	"Exp":                       {Since: 6, Read: readExp, Differentiable: true},
	"Expand":                    {Since: 8, Read: readExpand, Differentiable: true},
	"EyeLike":                   {Since: 9, Read: readEyeLike},
	"Flatten":                   {Since: 6, Read: readFlatten, Differentiable: true},
	"Floor":                     {Since: 6, Read: readFloor, Differentiable: true},
	"Gather":                    {Since: 6, Read: readGather, Differentiable: true},
	"GatherElements":            {Since: 11, Read: readGatherElements, Differentiable: true},
	"GatherND":                  {Since: 11, Read: readGatherND, Differentiable: true},
	"Gelu":                      {Since: 20, Read: readGelu, Differentiable: true},
	"Gemm":                      {Since: 6, Read: readGemm, Differentiable: true, Weights: 1, Learn: []int{1, 2}},
	"GlobalAveragePool":         {Since: 6, Read: readGlobalAveragePool, Differentiable: true},
	"GlobalLpPool":              {Since: 6, Read: readGlobalLpPool, Differentiable: true},
	"GlobalMaxPool":             {Since: 6, Read: readGlobalMaxPool, Differentiable: true},
	"Greater":                   {Since: 6, Read: readGreater},
	"GreaterOrEqual":            {Since: 12, Read: readGreaterOrEqual},
	"GroupNormalization":        {Since: 18, Read: readGroupNormalization, Differentiable: true, Learn: []int{1, 2}},
	"HardSigmoid":               {Since: 6, Read: readHardSigmoid, Differentiable: true},
	"HardSwish":                 {Since: 14, Read: readHardSwish, Differentiable: true},
	"Hardmax":                   {Since: 6, Read: readHardmax},
	"Identity":                  {Since: 6, Read: readIdentity, Differentiable: true},
	"InstanceNormalization":     {Since: 6, Read: readInstanceNormalization, Differentiable: true, Learn: []int{1, 2}},
	"IsInf":                     {Since: 10, Read: readIsInf},
	"IsNaN":                     {Since: 9, Read: readIsNaN},
	"LRN":                       {Since: 6, Read: readLRN, Differentiable: true},
	"LayerNormalization":        {Since: 17, Read: readLayerNormalization, Differentiable: true, Learn: []int{1, 2}},
	"LeakyRelu":                 {Since: 6, Read: readLeakyRelu, Differentiable: true},
	"Less":                      {Since: 6, Read: readLess},
	"LessOrEqual":               {Since: 12, Read: readLessOrEqual},
	"Log":                       {Since: 6, Read: readLog, Differentiable: true},
	"LogSoftmax":                {Since: 6, Read: readLogSoftmax, Differentiable: true},
	"LpNormalization":           {Since: 6, Read: readLpNormalization, Differentiable: true},
	"LpPool":                    {Since: 6, Read: readLpPool, Differentiable: true},
	"MatMul":                    {Since: 6, Read: readMatMul, Differentiable: true, Weights: 1, Learn: []int{0, 1}},
	"MatMulInteger":             {Since: 10, Read: readMatMulInteger, Quantizes: true},
	"Max":                       {Since: 6, Read: readMax, Differentiable: true},
	"MaxPool":                   {Since: 6, Read: readMaxPool, Differentiable: true},
	"MaxUnpool":                 {Since: 9, Read: readMaxUnpool},
	"Mean":                      {Since: 6, Read: readMean, Differentiable: true},
	"MeanVarianceNormalization": {Since: 9, Read: readMeanVarianceNormalization, Differentiable: true},
	"Min":                       {Since: 6, Read: readMin, Differentiable: true},
	"Mish":                      {Since: 18, Read: readMish, Differentiable: true},
	"Mod":                       {Since: 10, Read: readMod, Differentiable: true},
	"Mul":                       {Since: 6, Read: readMul, Differentiable: true},
	"Neg":                       {Since: 6, Read: readNeg, Differentiable: true},
	"NonZero":                   {Since: 9, Read: readNonZero},
	"Not":                       {Since: 1, Read: readNot},
	"OneHot":                    {Since: 9, Read: readOneHot},
	"Or":                        {Since: 6, Read: readOr},
	"PRelu":                     {Since: 6, Read: readPRelu, Differentiable: true, Learn: []int{1}},
	"Pad":                       {Since: 6, Read: readPad, Differentiable: true},
	"Pow":                       {Since: 6, Read: readPow, Differentiable: true},
	"QLinearConv":               {Since: 10, Read: readQLinearConv, Quantizes: true},
	"QLinearMatMul":             {Since: 10, Read: readQLinearMatMul, Quantizes: true},
	"QuantizeLinear":            {Since: 10, Read: readQuantizeLinear, Quantizes: true},
	"RMSNormalization":          {Since: 23, Read: readRMSNormalization, Differentiable: true, Learn: []int{1}},
	"Range":                     {Since: 11, Read: readRange},
	"Reciprocal":                {Since: 6, Read: readReciprocal, Differentiable: true},
	"ReduceL1":                  {Since: 6, Read: readReduceL1, Differentiable: true},
	"ReduceL2":                  {Since: 6, Read: readReduceL2, Differentiable: true},
	"ReduceLogSum":              {Since: 6, Read: readReduceLogSum, Differentiable: true},
	"ReduceLogSumExp":           {Since: 6, Read: readReduceLogSumExp, Differentiable: true},
	"ReduceMax":                 {Since: 6, Read: readReduceMax, Differentiable: true},
	"ReduceMean":                {Since: 6, Read: readReduceMean, Differentiable: true},
	"ReduceMin":                 {Since: 6, Read: readReduceMin, Differentiable: true},
	"ReduceProd":                {Since: 6, Read: readReduceProd, Differentiable: true},
	"ReduceSum":                 {Since: 6, Read: readReduceSum, Differentiable: true},
	"ReduceSumSquare":           {Since: 6, Read: readReduceSumSquare, Differentiable: true},
	"Relu":                      {Since: 6, Read: readRelu, Differentiable: true},
	"Reshape":                   {Since: 6, Read: readReshape, Differentiable: true},
	"Resize":                    {Since: 10, Read: readResize, Differentiable: true},
	"ReverseSequence":           {Since: 10, Read: readReverseSequence, Differentiable: true},
	"Round":                     {Since: 11, Read: readRound, Differentiable: true},
	"Scatter":                   {Since: 9, Read: readScatterElements, Differentiable: true},
	"ScatterElements":           {Since: 11, Read: readScatterElements, Differentiable: true},
	"ScatterND":                 {Since: 11, Read: readScatterND, Differentiable: true},
	"Selu":                      {Since: 6, Read: readSelu, Differentiable: true},
	"Shape":                     {Since: 6, Read: readShape},
	"Shrink":                    {Since: 9, Read: readShrink, Differentiable: true},
	"Sigmoid":                   {Since: 6, Read: readSigmoid, Differentiable: true},
	"Sign":                      {Since: 9, Read: readSign, Differentiable: true},
	"Sin":                       {Since: 6, Read: readSin, Differentiable: true},
	"Sinh":                      {Since: 9, Read: readSinh, Differentiable: true},
	"Size":                      {Since: 6, Read: readSize},
	"Slice":                     {Since: 6, Read: readSlice, Differentiable: true},
	"Softmax":                   {Since: 6, Read: readSoftmax, Differentiable: true},
	"Softplus":                  {Since: 6, Read: readSoftplus, Differentiable: true},
	"Softsign":                  {Since: 6, Read: readSoftsign, Differentiable: true},
	"SpaceToDepth":              {Since: 6, Read: readSpaceToDepth, Differentiable: true},
	"Split":                     {Since: 6, Read: readSplit, Differentiable: true},
	"Sqrt":                      {Since: 6, Read: readSqrt, Differentiable: true},
	"Squeeze":                   {Since: 6, Read: readSqueeze, Differentiable: true},
	"Sub":                       {Since: 6, Read: readSub, Differentiable: true},
	"Sum":                       {Since: 6, Read: readSum, Differentiable: true},
	"Swish":                     {Since: 24, Read: readSwish, Differentiable: true},
	"Tan":                       {Since: 6, Read: readTan, Differentiable: true},
	"Tanh":                      {Since: 6, Read: readTanh, Differentiable: true},
	"ThresholdedRelu":           {Since: 10, Read: readThresholdedRelu, Differentiable: true},
	"Tile":                      {Since: 6, Read: readTile, Differentiable: true},
	"TopK":                      {Since: 6, Read: readTopK, Differentiable: true},
	"Transpose":                 {Since: 6, Read: readTranspose, Differentiable: true},
	"Trilu":                     {Since: 14, Read: readTrilu, Differentiable: true},
	"Unsqueeze":                 {Since: 6, Read: readUnsqueeze, Differentiable: true},
	"Upsample":                  {Since: 7, Read: readUpsample, Differentiable: true},
	"Where":                     {Since: 9, Read: readWhere, Differentiable: true, Mixed: []int{0}},
	"Xor":                       {Since: 6, Read: readXor},
}

// Names lists the operators of the table in order.
func Names() []string { return slices.Sorted(maps.Keys(Table)) }

// UnsupportedError says what of a model graft does not run.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return e.What }

// Is makes it an errors.ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }

// Read finds the row of a node and reads its attributes. opset is the version of
// the default domain that the model imports. Every attribute must be known to the
// row: one that is not is refused by name.
func Read(n *onnx.NodeProto, opset int) (Form, error) {
	if d := n.GetDomain(); d != "" && d != "ai.onnx" {
		return nil, &UnsupportedError{fmt.Sprintf("operator %s of domain %q is not supported", quote(n.GetOpType()), d)}
	}
	op, ok := Table[n.GetOpType()]
	if !ok {
		return nil, &UnsupportedError{fmt.Sprintf("operator %s is not supported", quote(n.GetOpType()))}
	}
	if opset < op.Since {
		return nil, &UnsupportedError{fmt.Sprintf("%s of opset %d is not supported, only %d and newer", n.GetOpType(), opset, op.Since)}
	}
	a := newAttrs(n, opset)
	f := align(a, n.GetOpType(), op.Read(a))
	if err := a.finish(); err != nil {
		return nil, err
	}
	return f, nil
}

// IsFloat says whether values of type t are computed in float32 by kernels.
func IsFloat(t onnx.TensorProto_DataType) bool {
	return t == onnx.TensorProto_FLOAT || t == onnx.TensorProto_FLOAT16 || t == onnx.TensorProto_BFLOAT16
}

func quote(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return fmt.Sprintf("%q", s)
}
