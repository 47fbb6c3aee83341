using System.IO.Compression;
using System.Text;
using Gateway.Core.Features.Configuration;
using Gateway.Features;
using Gateway.Files;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Files;

namespace Gateway.UnitTests.Features.Files;

/// <summary>Files with rows: what is read, and what is said of what is not.</summary>
public sealed class FeatureFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rows").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("a,1,2\nb,3,4\n", "a 01000200 b 03000400")]
    [InlineData("id,x,y\r\na,1,2\r\n\r\nb, 3 ,4", "a 01000200 b 03000400")]
    [InlineData("\uFEFFa,1,2", "a 01000200")]
    [InlineData("\"a,\"\"b\"\"\",\"1\",2", "a,\"b\" 01000200")]
    [InlineData("\"\",1,2", " 01000200")]
    [InlineData("", "")]
    public void Csv_Rows_AreRead(string text, string expected) => Assert.Equal(expected, Rows(new CsvSource(Lines(text), Config()), Config()));

    [Theory]
    [InlineData("a,1,2\nb,3", "line 2: there are fewer numbers than the 2 of a row of INT16 [2]")]
    [InlineData("a,1,2\nb,3,4,5", "line 2: there are more numbers than the 2")]
    [InlineData("a,1,2\nb,3,x", "line 2: 'x' is no INT16")]
    [InlineData("a,1,40000", "line 1: '40000' is no INT16")]
    [InlineData("a,1,2\nb", "line 2: there are fewer numbers")]
    [InlineData("\"a,1,2", "line 1: a quoted cell does not end")]
    [InlineData("a,1,2\n\"a\"b,1,2", "line 2: something follows a quoted cell")]
    public void Csv_WhatIsWrong_IsSaidWithItsLine(string text, string problem) =>
        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => Rows(new CsvSource(Lines(text), Config()), Config())).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"key":"a","row":[1,2]}""", "a 01000200")]
    [InlineData("""{"row":[[1],[2]],"more":{"x":[1]},"key":"\u00e9"}""", "é 01000200")]
    [InlineData("""{"key":"a","row":[true,"2"]}""", "")]
    [InlineData("", "")]
    public void Json_Rows_AreRead(string text, string expected)
    {
        if (text.Contains("true", StringComparison.Ordinal)) Assert.Throws<InvalidDataException>(() => Rows(new JsonRowSource(Lines(text), Config()), Config()));
        else Assert.Equal(expected, Rows(new JsonRowSource(Lines(text), Config()), Config()));
    }

    [Theory]
    [InlineData("""{"row":[1,2]}""", "line 1: there is no 'key'")]
    [InlineData("""{"key":"a"}""", "line 1: there is no 'row'")]
    [InlineData("""{"key":1,"row":[1,2]}""", "line 1: 'key' is no string")]
    [InlineData("""{"key":"a","row":[1]}""", "line 1: 'row' has fewer elements than the 2")]
    [InlineData("""{"key":"a","row":[1,2,3]}""", "line 1: 'row' has more elements than the 2")]
    [InlineData("""{"key":"a","row":[1,null]}""", "line 1: element 1 of 'row' is no INT16")]
    [InlineData("""{"key":"a","row":7}""", "line 1: 'row' is no array")]
    [InlineData("[1]", "line 1: expected an object")]
    [InlineData("""{"key":"a","row":[1,2]} x""", "line 1: ")]
    [InlineData("""{"key":"a","row":[1,2]""", "line 1: ")]
    public void Json_WhatIsWrong_IsSaidWithItsLine(string text, string problem) =>
        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => Rows(new JsonRowSource(Lines(text), Config()), Config())).Message, StringComparison.Ordinal);

    [Fact]
    public void Numbers_AsKeys_AreReadInEachFormat()
    {
        FeatureViewConfig config = Config(DataType.Int64);

        Assert.Equal("-5 01000200", Rows(new CsvSource(Lines("-5,1,2"), config), config));
        Assert.Equal("-5 01000200", Rows(new JsonRowSource(Lines("""{"key":-5,"row":[1,2]}"""), config), config));
        Assert.Contains("'x' is no key of INT64", Assert.Throws<InvalidDataException>(() => Rows(new CsvSource(Lines("x,1,2"), config), config)).Message, StringComparison.Ordinal);
        Assert.Contains("'1.5' is no key of INT64", Assert.Throws<InvalidDataException>(() => Rows(new JsonRowSource(Lines("""{"key":1.5,"row":[1,2]}"""), config), config)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Arrays_KeysAndRows_AreRead()
    {
        string texts = Npz(("keys", NpyFile.Of("|S2", "(2,)", "a\0bc"u8)), ("rows", NpyFile.Of("<i2", "(2, 2)", [1, 0, 2, 0, 3, 0, 4, 0])));
        string numbers = Npz(("keys", NpyFile.Of("<i8", "(1,)", [7, 0, 0, 0, 0, 0, 0, 0])), ("rows", NpyFile.Of("<i2", "(1, 2)", [1, 0, 2, 0])));

        Assert.Equal("a 01000200 bc 03000400", Rows(FeatureFiles.Open(texts, Config()), Config()));
        Assert.Equal("7 01000200", Rows(FeatureFiles.Open(numbers, Config(DataType.Int64)), Config(DataType.Int64)));
        Problem("'keys' is of BYTES [2]", texts, Config(DataType.Int64));
        Problem("'rows' is of INT16 [2,2], and the view's rows are of FP16 [2]", texts, Config() with { DataType = DataType.Fp16 });
        Problem("it has no array 'rows'", Npz(("keys", NpyFile.Of("|S2", "(1,)", "ab"u8))), Config());
        Problem("there are 1 keys and 2 rows", Npz(("keys", NpyFile.Of("|S2", "(1,)", "ab"u8)), ("rows", NpyFile.Of("<i2", "(2, 2)", new byte[8]))), Config());
        Problem("is no kind of file that is read here", Path.Combine(_folder, "x.parquet"), Config());
    }

    [Fact]
    public void Anything_AtAll_IsRowsOrAnErrorThatSaysWhy()
    {
        Random random = new(5);
        string[] seeds = ["id,x,y\n\"a\"\"b\",1,2\nb,3,4\n", """{"key":"a","row":[1,[2]],"z":{"y":null}}""" + "\n" + """{"row":[1,2],"key":"\ud83d\ude00"}"""];
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(seeds[i % 2]);
            for (int change = random.Next(1, 6); change > 0; change--) bytes[random.Next(bytes.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)"\"\\,\n{}[]0-e"[random.Next(11)];
            LineReader lines = new(new MemoryStream(bytes, 0, random.Next(bytes.Length + 1)));
            try
            {
                Rows(i % 2 == 0 ? new CsvSource(lines, Config()) : new JsonRowSource(lines, Config()), Config());
            }
            catch (InvalidDataException error)
            {
                Assert.StartsWith("line ", error.Message, StringComparison.Ordinal);
            }
        }
    }

    private static FeatureViewConfig Config(DataType key = DataType.Bytes) => new() { Name = "v", KeyType = key, DataType = DataType.Int16, Row = new TensorShape([2]) };

    private static LineReader Lines(string text) => new(new MemoryStream(Encoding.UTF8.GetBytes(text)));

    private static string Rows(IFeatureSource source, FeatureViewConfig config)
    {
        using (source)
        {
            List<string> rows = [];
            FeatureBatch batch = new(config);
            while (source.TryNext(batch))
            {
                ReadOnlySpan<byte> keys = batch.Keys.Span;
                rows.Add($"{(config.KeyType == DataType.Int64 ? $"{BitConverter.ToInt64(keys)}" : Encoding.UTF8.GetString(keys[4..]))} {Convert.ToHexString(batch.Rows.Span)}");
                batch.Clear();
            }

            return string.Join(' ', rows);
        }
    }

    private static void Problem(string problem, string file, FeatureViewConfig config) =>
        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => FeatureFiles.Open(file, config)).Message, StringComparison.Ordinal);

    private string Npz(params (string Name, byte[] Bytes)[] arrays)
    {
        string file = Path.Combine(_folder, Guid.NewGuid().ToString("N") + ".npz");
        using ZipArchive archive = ZipFile.Open(file, ZipArchiveMode.Create);
        foreach ((string name, byte[] bytes) in arrays)
        {
            using Stream entry = archive.CreateEntry(name + ".npy").Open();
            entry.Write(bytes);
        }

        return file;
    }
}
