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
	// Weights is the input slot of a layer's weights (1 for Conv), 0 where the
	// operator starts no layer.
	Weights int
	// Learn lists the input slots whose constants can learn.
	Learn []int
}

// Table has a row for every operator of the default domain that graft runs.
var Table = map[string]Op{
	"Abs":                   {Since: 7, Read: readAbs, Differentiable: true},
	"Acos":                  {Since: 7, Read: readAcos, Differentiable: true},
	"Acosh":                 {Since: 9, Read: readAcosh, Differentiable: true},
	"Add":                   {Since: 7, Read: readAdd, Differentiable: true},
	"And":                   {Since: 7, Read: readAnd},
	"ArgMax":                {Since: 7, Read: readArgMax},
	"ArgMin":                {Since: 7, Read: readArgMin},
	"Asin":                  {Since: 7, Read: readAsin, Differentiable: true},
	"Asinh":                 {Since: 9, Read: readAsinh, Differentiable: true},
	"Atan":                  {Since: 7, Read: readAtan, Differentiable: true},
	"Atanh":                 {Since: 9, Read: readAtanh, Differentiable: true},
	"AveragePool":           {Since: 7, Read: readAveragePool, Differentiable: true},
	"BatchNormalization":    {Since: 7, Read: readBatchNormalization, Differentiable: true, Learn: []int{1, 2}},
	"Cast":                  {Since: 7, Read: readCast, Differentiable: true},
	"CastLike":              {Since: 15, Read: readCastLike, Differentiable: true},
	"Ceil":                  {Since: 7, Read: readCeil, Differentiable: true},
	"Celu":                  {Since: 12, Read: readCelu, Differentiable: true},
	"Clip":                  {Since: 7, Read: readClip, Differentiable: true},
	"Concat":                {Since: 7, Read: readConcat, Differentiable: true},
	"Constant":              {Since: 7, Read: readConstant},
	"ConstantOfShape":       {Since: 9, Read: readConstantOfShape},
	"Conv":                  {Since: 7, Read: readConv, Differentiable: true, Weights: 1, Learn: []int{1, 2}},
	"Cos":                   {Since: 7, Read: readCos, Differentiable: true},
	"Cosh":                  {Since: 9, Read: readCosh, Differentiable: true},
	"CumSum":                {Since: 11, Read: readCumSum},
	"DepthToSpace":          {Since: 7, Read: readDepthToSpace, Differentiable: true},
	"Div":                   {Since: 7, Read: readDiv, Differentiable: true},
	"Dropout":               {Since: 7, Read: readDropout, Differentiable: true},
	"Elu":                   {Since: 7, Read: readElu, Differentiable: true},
	"Equal":                 {Since: 7, Read: readEqual},
	"Erf":                   {Since: 9, Read: readErf, Differentiable: true},
	"Exp":                   {Since: 7, Read: readExp, Differentiable: true},
	"Expand":                {Since: 8, Read: readExpand, Differentiable: true},
	"EyeLike":               {Since: 9, Read: readEyeLike},
	"Flatten":               {Since: 7, Read: readFlatten, Differentiable: true},
	"Floor":                 {Since: 7, Read: readFloor, Differentiable: true},
	"Gather":                {Since: 7, Read: readGather, Differentiable: true},
	"GatherElements":        {Since: 11, Read: readGatherElements, Differentiable: true},
	"GatherND":              {Since: 11, Read: readGatherND, Differentiable: true},
	"Gelu":                  {Since: 20, Read: readGelu, Differentiable: true},
	"Gemm":                  {Since: 7, Read: readGemm, Differentiable: true, Weights: 1, Learn: []int{1, 2}},
	"GlobalAveragePool":     {Since: 7, Read: readGlobalAveragePool, Differentiable: true},
	"GlobalMaxPool":         {Since: 7, Read: readGlobalMaxPool, Differentiable: true},
	"Greater":               {Since: 7, Read: readGreater},
	"GreaterOrEqual":        {Since: 12, Read: readGreaterOrEqual},
	"GroupNormalization":    {Since: 18, Read: readGroupNormalization, Differentiable: true, Learn: []int{1, 2}},
	"HardSigmoid":           {Since: 7, Read: readHardSigmoid, Differentiable: true},
	"HardSwish":             {Since: 14, Read: readHardSwish, Differentiable: true},
	"Hardmax":               {Since: 7, Read: readHardmax},
	"Identity":              {Since: 7, Read: readIdentity, Differentiable: true},
	"InstanceNormalization": {Since: 7, Read: readInstanceNormalization, Differentiable: true, Learn: []int{1, 2}},
	"IsInf":                 {Since: 10, Read: readIsInf},
	"IsNaN":                 {Since: 9, Read: readIsNaN},
	"LayerNormalization":    {Since: 17, Read: readLayerNormalization, Differentiable: true, Learn: []int{1, 2}},
	"LeakyRelu":             {Since: 7, Read: readLeakyRelu, Differentiable: true},
	"Less":                  {Since: 7, Read: readLess},
	"LessOrEqual":           {Since: 12, Read: readLessOrEqual},
	"Log":                   {Since: 7, Read: readLog, Differentiable: true},
	"LogSoftmax":            {Since: 7, Read: readLogSoftmax, Differentiable: true},
	"MatMul":                {Since: 7, Read: readMatMul, Differentiable: true, Weights: 1, Learn: []int{0, 1}},
	"Max":                   {Since: 7, Read: readMax, Differentiable: true},
	"MaxPool":               {Since: 7, Read: readMaxPool, Differentiable: true},
	"MaxUnpool":             {Since: 9, Read: readMaxUnpool},
	"Mean":                  {Since: 7, Read: readMean, Differentiable: true},
	"Min":                   {Since: 7, Read: readMin, Differentiable: true},
	"Mish":                  {Since: 18, Read: readMish, Differentiable: true},
	"Mod":                   {Since: 10, Read: readMod, Differentiable: true},
	"Mul":                   {Since: 7, Read: readMul, Differentiable: true},
	"Neg":                   {Since: 7, Read: readNeg, Differentiable: true},
	"NonZero":               {Since: 9, Read: readNonZero},
	"Not":                   {Since: 7, Read: readNot},
	"OneHot":                {Since: 9, Read: readOneHot},
	"Or":                    {Since: 7, Read: readOr},
	"PRelu":                 {Since: 7, Read: readPRelu, Differentiable: true, Learn: []int{1}},
	"Pad":                   {Since: 7, Read: readPad, Differentiable: true},
	"Pow":                   {Since: 7, Read: readPow, Differentiable: true},
	"RMSNormalization":      {Since: 23, Read: readRMSNormalization, Differentiable: true, Learn: []int{1}},
	"Range":                 {Since: 11, Read: readRange},
	"Reciprocal":            {Since: 7, Read: readReciprocal, Differentiable: true},
	"ReduceL1":              {Since: 7, Read: readReduceL1, Differentiable: true},
	"ReduceL2":              {Since: 7, Read: readReduceL2, Differentiable: true},
	"ReduceLogSum":          {Since: 7, Read: readReduceLogSum, Differentiable: true},
	"ReduceLogSumExp":       {Since: 7, Read: readReduceLogSumExp, Differentiable: true},
	"ReduceMax":             {Since: 7, Read: readReduceMax, Differentiable: true},
	"ReduceMean":            {Since: 7, Read: readReduceMean, Differentiable: true},
	"ReduceMin":             {Since: 7, Read: readReduceMin, Differentiable: true},
	"ReduceProd":            {Since: 7, Read: readReduceProd, Differentiable: true},
	"ReduceSum":             {Since: 7, Read: readReduceSum, Differentiable: true},
	"ReduceSumSquare":       {Since: 7, Read: readReduceSumSquare, Differentiable: true},
	"Relu":                  {Since: 7, Read: readRelu, Differentiable: true},
	"Reshape":               {Since: 7, Read: readReshape, Differentiable: true},
	"ReverseSequence":       {Since: 10, Read: readReverseSequence, Differentiable: true},
	"Round":                 {Since: 11, Read: readRound, Differentiable: true},
	"Scatter":               {Since: 9, Read: readScatterElements},
	"ScatterElements":       {Since: 11, Read: readScatterElements},
	"ScatterND":             {Since: 11, Read: readScatterND},
	"Selu":                  {Since: 7, Read: readSelu, Differentiable: true},
	"Shape":                 {Since: 7, Read: readShape},
	"Shrink":                {Since: 9, Read: readShrink, Differentiable: true},
	"Sigmoid":               {Since: 7, Read: readSigmoid, Differentiable: true},
	"Sign":                  {Since: 9, Read: readSign, Differentiable: true},
	"Sin":                   {Since: 7, Read: readSin, Differentiable: true},
	"Sinh":                  {Since: 9, Read: readSinh, Differentiable: true},
	"Size":                  {Since: 7, Read: readSize},
	"Slice":                 {Since: 7, Read: readSlice, Differentiable: true},
	"Softmax":               {Since: 7, Read: readSoftmax, Differentiable: true},
	"Softplus":              {Since: 7, Read: readSoftplus, Differentiable: true},
	"Softsign":              {Since: 7, Read: readSoftsign, Differentiable: true},
	"SpaceToDepth":          {Since: 7, Read: readSpaceToDepth, Differentiable: true},
	"Split":                 {Since: 7, Read: readSplit, Differentiable: true},
	"Sqrt":                  {Since: 7, Read: readSqrt, Differentiable: true},
	"Squeeze":               {Since: 7, Read: readSqueeze, Differentiable: true},
	"Sub":                   {Since: 7, Read: readSub, Differentiable: true},
	"Sum":                   {Since: 7, Read: readSum, Differentiable: true},
	"Swish":                 {Since: 24, Read: readSwish, Differentiable: true},
	"Tan":                   {Since: 7, Read: readTan, Differentiable: true},
	"Tanh":                  {Since: 7, Read: readTanh, Differentiable: true},
	"ThresholdedRelu":       {Since: 10, Read: readThresholdedRelu, Differentiable: true},
	"Tile":                  {Since: 7, Read: readTile, Differentiable: true},
	"TopK":                  {Since: 7, Read: readTopK},
	"Transpose":             {Since: 7, Read: readTranspose, Differentiable: true},
	"Trilu":                 {Since: 14, Read: readTrilu, Differentiable: true},
	"Unsqueeze":             {Since: 7, Read: readUnsqueeze, Differentiable: true},
	"Where":                 {Since: 9, Read: readWhere, Differentiable: true},
	"Xor":                   {Since: 7, Read: readXor},
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
	f := op.Read(a)
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
