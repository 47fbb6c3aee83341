using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Gateway.Precompute;
using Gateway.UnitTests.Files;

namespace Gateway.UnitTests.Precompute;

/// <summary>What becomes of the files: requests, or an error that says what is wrong.</summary>
public sealed class SourceTests : IDisposable
{
    private static readonly ModelInput X = new("x", "INT16", [-1, 2]);
    private static readonly ModelInput Text = new("text", "BYTES", [-1, 1]);

    private readonly string _folder = Directory.CreateTempSubdirectory("precompute").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Arrays_EachRow_IsARequestOfOneRow()
    {
        byte[] numbers = [1, 0, 2, 0, 3, 0, 4, 0];
        byte[] texts = [.. Encoding.UTF32.GetBytes("ab\0"), .. Encoding.UTF32.GetBytes("é\0\0")];
        string file = Npz(("x", NpyFile.Of("<i2", "(2, 2)", numbers)), ("text", NpyFile.Of("<U3", "(2, 1)", texts)));
        using ArraySource source = new(file, [Text, X]);

        Assert.Equal(2, source.Length);
        Assert.Equal(["INT16 [1,2] 01000200", "BYTES [1,1] 020000006162"], Tensors(source));
        Assert.Equal(["INT16 [1,2] 03000400", "BYTES [1,1] 02000000C3A9"], Tensors(source));
        Assert.False(source.TryNext(out _));
    }

    [Fact]
    public void Array_OfAModelWithoutABatchDimension_HasADimensionMore()
    {
        using ArraySource source = new(Npy(NpyFile.Of("<i2", "(2, 1, 2)", [1, 0, 2, 0, 3, 0, 4, 0])), [new ModelInput("x", "INT16", [1, 2])]);

        Assert.Equal(["INT16 [1,2] 01000200"], Tensors(source));
    }

    [Fact]
    public void Arrays_ThatDoNotFit_SayWhy()
    {
        byte[] fits = NpyFile.Of("<i2", "(1, 2)", [1, 0, 2, 0]);
        Refused("of type INT32", Npy(NpyFile.Of("<i4", "(1, 2)", new byte[8])), X);
        Refused("has the shape [1,3], and the input [-1,2]", Npy(NpyFile.Of("<i2", "(1, 3)", new byte[6])), X);
        Refused("give a .npz", Npy(fits), X, Text);
        Refused("no input 'y'", Npz(("y", fits)), X);
        Refused("1 arrays, and the model 2 inputs", Npz(("x", fits)), X, Text);
        Refused("different numbers of rows", Npz(("x", fits), ("text", NpyFile.Of("|S1", "(2, 1)", [65, 66]))), X, Text);
        using ArraySource cut = new(Npy(NpyFile.Of("<i2", "(2, 2)", [1, 0, 2, 0, 3])), [X]);
        Assert.True(cut.TryNext(out _));
        Assert.Throws<InvalidDataException>(() => cut.TryNext(out _));
    }

    [Theory]
    [InlineData(".npy")]
    [InlineData(".npz")]
    public void Arrays_DamagedFiles_AreRefusedOrRead(string kind)
    {
        byte[] good = File.ReadAllBytes(kind == ".npy" ? Npy(NpyFile.Of("<i2", "(40, 2)", new byte[160])) : Npz(("x", NpyFile.Of("<i2", "(40, 2)", new byte[160]))));
        string file = Path.Combine(_folder, "damaged" + kind);
        Random random = new(2);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] bytes = [.. good.AsSpan(0, random.Next(3) == 0 ? random.Next(good.Length) : good.Length)];
            for (int change = random.Next(1, 4); change > 0 && bytes.Length > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(file, bytes);
            try
            {
                using ArraySource source = new(file, [X]);
                while (source.Position < 100 && source.TryNext(out _)) continue;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 500, 3000);
    }

    [Fact]
    public void JsonLines_WhateverTheirLengths_AreTheLines()
    {
        Random random = new(3);
        for (int round = 0; round < 50; round++)
        {
            string[] lines = [.. Enumerable.Range(0, random.Next(40)).Select(_ => new string('x', random.Next(4) == 0 ? random.Next(200_000) : random.Next(100)))];
            string text = string.Join(random.Next(2) == 0 ? "\n" : "\r\n", lines) + (random.Next(2) == 0 ? "\n" : "");
            using JsonLineSource source = new(new MemoryStream(Encoding.ASCII.GetBytes(text)));
            List<string> read = [];
            while (source.TryNext(out PreparedRequest request)) read.Add(Encoding.ASCII.GetString(request.Body));

            Assert.Equal(lines.Where(line => line.Length > 0), read);
        }
    }

    private static string[] Tensors(ArraySource source)
    {
        Assert.True(source.TryNext(out PreparedRequest request));
        int at = request.HeadLength!.Value;
        using JsonDocument head = JsonDocument.Parse(request.Body.AsMemory(0, at));
        List<string> tensors = [];
        foreach (JsonElement input in head.RootElement.GetProperty("inputs").EnumerateArray())
        {
            int bytes = input.GetProperty("parameters").GetProperty("binary_data_size").GetInt32();
            tensors.Add($"{input.GetProperty("datatype")} {input.GetProperty("shape").GetRawText()} {Convert.ToHexString(request.Body.AsSpan(at, bytes))}");
            at += bytes;
        }

        Assert.Equal(request.Body.Length, at);
        return [.. tensors];
    }

    private static void Refused(string problem, string file, params ModelInput[] inputs) =>
        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => new ArraySource(file, inputs)).Message, StringComparison.Ordinal);

    private string Npy(byte[] bytes)
    {
        string file = Path.Combine(_folder, "a.npy");
        File.WriteAllBytes(file, bytes);
        return file;
    }

    private string Npz(params (string Name, byte[] Array)[] arrays)
    {
        string file = Path.Combine(_folder, "a.npz");
        using FileStream stream = File.Create(file);
        using ZipArchive archive = new(stream, ZipArchiveMode.Create);
        foreach ((string name, byte[] array) in arrays)
        {
            using Stream entry = archive.CreateEntry(name + ".npy").Open();
            entry.Write(array);
        }

        return file;
    }
}
