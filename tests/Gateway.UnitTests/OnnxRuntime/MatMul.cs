using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OnnxRuntime;

/// <summary>Runs the <c>matmul</c> model, whose weight's first column is 1, 2 … 16 and whose others are all 1.</summary>
internal static class MatMul
{
    public const int Columns = 16;
    public const int Results = 8;

    /// <summary>Row <c>r</c> of the input is all <c>r + 1</c>: the results are 136 (r + 1), then seven times 16 (r + 1).</summary>
    public static float[] Run(OrtSession session, int batch)
    {
        using OrtValue x = OrtValue.Allocate(OrtAllocator.Default, [batch, Columns], DataType.Fp32);
        using OrtValue y = OrtValue.Allocate(OrtAllocator.Default, [batch, Results], DataType.Fp32);
        Span<float> input = x.Floats();
        for (int i = 0; i < input.Length; i++) input[i] = (i / Columns) + 1;
        using OrtIoBinding binding = session.CreateBinding();
        binding.BindInput("x", x);
        binding.BindOutput("y", y);

        session.Run(binding);

        return y.Floats().ToArray();
    }

    public static float[] Expected(int batch) =>
        [.. Enumerable.Range(0, batch * Results).Select(i => ((i / Results) + 1f) * (i % Results == 0 ? 136 : 16))];
}
