using Gateway.Files;

namespace Gateway.UnitTests.Files;

public sealed class NpyHeaderTests
{
    [Theory]
    [InlineData("<f4", "(3, 4)", "FP32", 4, new long[] { 3, 4 })]
    [InlineData("|b1", "(3,)", "BOOL", 1, new long[] { 3 })]
    [InlineData("<i8", "(0, 2, 2)", "INT64", 8, new long[] { 0, 2, 2 })]
    [InlineData("|S7", "(3, 1)", "BYTES", 7, new long[] { 3, 1 })]
    [InlineData("<U7", "(3, 1)", "BYTES", 28, new long[] { 3, 1 })]
    public void Read_WhatNumPyWrites_IsRead(string type, string text, string expected, int bytes, long[] shape)
    {
        foreach (byte version in new byte[] { 1, 2, 3 })
        {
            NpyHeader header = NpyHeader.Read(new MemoryStream(NpyFile.Raw($"{{'descr': '{type}', 'fortran_order': False, 'shape': {text}, }}", [], version)));

            Assert.Equal((expected, bytes, type[1] == 'U'), (header.DataType, header.ElementBytes, header.IsUtf32));
            Assert.Equal(shape, header.Shape);
        }
    }

    [Theory]
    [InlineData("{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }", "'>f4'")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "'|O'")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", "expected a string")]
    [InlineData("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", "Fortran")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "scalar")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "a dimension")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "a dimension")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4611686018427387904, 4), }", "a row has more than")]
    [InlineData("{'descr': '|S0', 'fortran_order': False, 'shape': (1, 4611686018427387904), }", "a row has more than")]
    [InlineData("{'descr': '<f4', 'fortran_order': False}", "lacks")]
    [InlineData("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "does not belong there")]
    [InlineData("{'descr': '<f4' 'fortran_order': False, 'shape': (3,)}", "expected '}'")]
    [InlineData("", "expected '{'")]
    public void Read_WhatCannotBeSent_SaysWhy(string header, string problem)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => NpyHeader.Read(new MemoryStream(NpyFile.Raw(header, []))));

        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AnyBytes_IsReadOrRefused()
    {
        byte[] good = NpyFile.Of("<f4", "(3, 4)", new byte[48]);
        Random random = new(1);
        int refused = 0;
        for (int i = 0; i < 50_000; i++)
        {
            byte[] bytes = [.. good.AsSpan(0, random.Next(2) == 0 ? good.Length : random.Next(good.Length))];
            for (int change = random.Next(4); change > 0 && bytes.Length > 0; change--) bytes[random.Next(bytes.Length)] = (byte)(random.Next(2) == 0 ? random.Next(256) : "(),'{}:0 <"[random.Next(10)]);
            try
            {
                NpyHeader.Read(new MemoryStream(bytes));
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 10_000, 49_000);
    }
}
