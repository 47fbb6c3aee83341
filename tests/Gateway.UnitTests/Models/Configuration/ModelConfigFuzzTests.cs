using System.Globalization;
using System.Text;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Models.Configuration.Reading;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Models.Configuration;

/// <summary>Damaged and random configurations: each is read or refused with an error that has a place, and nothing else happens.</summary>
public sealed class ModelConfigFuzzTests
{
    private const int Seed = 20260901;
    private const int Rounds = 6000;

    private static readonly string[] Fragments =
    [
        "{", "}", "[", "]", "<", ">", ":", ",", ";", "-", "'", "\"", "\\", "\n", "#", "0x", "9999999999999999999999", "-1", "1e999", "nan", "true", "TYPE_FP32",
        "\\377", "\\ud800", "\0", "é", "😀", "dims", "input", "key", "value", "null", "\"a\":", "{}", "[]", "parameters", "2147483648",
    ];

    [Fact]
    public void ReadText_MutatedConfigurations_AreReadOrRefused() => Fuzz(Encoding.UTF8.GetBytes(ConfigText.Full), bytes => ModelConfigReader.ReadText(bytes, "fuzz", ConfigText.Model));

    [Fact]
    public void ReadJson_MutatedConfigurations_AreReadOrRefused() =>
        Fuzz(Encoding.UTF8.GetBytes(ConfigText.Write(ConfigText.Text(ConfigText.Full))), bytes => ModelConfigReader.ReadJson(bytes, "fuzz", ConfigText.Model));

    [Fact]
    public void ReadText_EveryPrefix_IsReadOrRefused()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(ConfigText.Full);
        for (int length = 0; length <= bytes.Length; length++) Try(bytes[..length], b => ModelConfigReader.ReadText(b, "fuzz", ConfigText.Model), $"prefix of {length} bytes");
    }

    [Fact]
    public void ReadJson_EveryPrefix_IsReadOrRefused()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(ConfigText.Write(ConfigText.Text(ConfigText.Full)));
        for (int length = 0; length <= bytes.Length; length++) Try(bytes[..length], b => ModelConfigReader.ReadJson(b, "fuzz", ConfigText.Model), $"prefix of {length} bytes");
    }

    /// <summary>Any message the schema allows, supported or not, gets through the syntax: only what it says may be refused.</summary>
    [Fact]
    public void Read_RandomMessages_MeanTheSameInTextAndJson()
    {
        for (int round = 0; round < 1000; round++)
        {
            Random random = new(Seed + round);
            (string text, string json) = RandomMessage(ModelConfigSchema.ModelConfig, random);

            string fromText = Outcome(() => ConfigText.Text(text));
            string fromJson = Outcome(() => ConfigText.Json(json));

            Assert.True(fromText == fromJson, $"seed {Seed + round}: text gives\n{fromText}\nJSON gives\n{fromJson}\nfor\n{text}\n{json}");
        }
    }

    /// <summary>What completion lets through can be shown, read back and completed again without a change.</summary>
    [Fact]
    public void Complete_RandomSignatures_AreStableOrRefused()
    {
        for (int round = 0; round < 1000; round++)
        {
            Random random = new(Seed + round);
            ModelSignature file = new(RandomTensors("i", random), RandomTensors("o", random));
            ModelConfig declared = ConfigText.Text(random.Next(4) switch { 0 => "", 1 => "max_batch_size: 0", 2 => "max_batch_size: 8", _ => "input { name: 'i0' dims: 3 }" });
            try
            {
                string once = ConfigText.Write(ModelConfigCompletion.Complete(declared, ConfigText.Model, file));
                string twice = ConfigText.Write(ModelConfigCompletion.Complete(ConfigText.Json(once), ConfigText.Model, file));

                Assert.True(once == twice, $"seed {Seed + round}: {once} became {twice}");
            }
            catch (ModelConfigException e)
            {
                Assert.NotEmpty(e.Errors);
            }
        }
    }

    private static void Fuzz(byte[] original, Func<byte[], ModelConfig> read)
    {
        for (int round = 0; round < Rounds; round++)
        {
            Random random = new(Seed + round);
            byte[] bytes = original;
            for (int i = random.Next(1, 5); i > 0; i--) bytes = Mutate(bytes, random);
            Try(bytes, read, $"seed {Seed + round}");
        }
    }

    private static byte[] Mutate(byte[] bytes, Random random)
    {
        int at = random.Next(bytes.Length + 1);
        int length = Math.Min(random.Next(12), bytes.Length - at);
        byte[] insert = random.Next(5) switch
        {
            0 => [],
            1 => [(byte)random.Next(256)],
            2 => bytes[..Math.Min(random.Next(60), bytes.Length)],
            _ => Encoding.UTF8.GetBytes(Fragments[random.Next(Fragments.Length)]),
        };
        return [.. bytes[..at], .. insert, .. bytes[(at + (random.Next(2) == 0 ? 0 : length))..]];
    }

    private static void Try(byte[] bytes, Func<byte[], ModelConfig> read, string what)
    {
        try
        {
            read(bytes);
        }
        catch (ModelConfigException e)
        {
            Assert.True(e.Errors.Count > 0 && e.Errors.All(x => x.Line > 0 && x.Column > 0 && x.Message.Length is > 0 and < 2000), $"{what}: an error without a place: {e.Message}");
        }
        catch (Exception e)
        {
            Assert.Fail($"{what}: {e}\n{Encoding.UTF8.GetString(bytes)}");
        }
    }

    private static string Outcome(Func<ModelConfig> read)
    {
        try
        {
            return ConfigText.Write(read());
        }
        catch (ModelConfigException e)
        {
            return string.Join('\n', e.Errors.Select(x => x.Message));
        }
    }

    private static (string Text, string Json) RandomMessage(MessageSchema schema, Random random)
    {
        List<string> text = [];
        List<string> json = [];
        HashSet<string> oneOfs = [];
        foreach (FieldSchema field in schema.Fields)
        {
            if (random.Next(3) == 0 || (field.OneOf is { } oneOf && !oneOfs.Add(oneOf))) continue;
            (string Text, string Json)[] values = [.. Enumerable.Range(0, field.IsRepeated ? random.Next(3) : 1).Select(i => field.IsMap ? RandomEntry(field, i, random) : RandomValue(field, random))];
            text.AddRange(values.Select(v => $"{field.Name}: {v.Text}"));
            string members = string.Join(',', values.Select(v => v.Json));
            json.Add($"\"{field.Name}\":{(field.IsMap ? $"{{{members}}}" : field.IsRepeated ? $"[{members}]" : members)}");
        }

        return ($"{string.Join(random.Next(2) == 0 ? " " : "\n", text)}", $"{{{string.Join(',', json)}}}");
    }

    private static (string Text, string Json) RandomEntry(FieldSchema field, int index, Random random)
    {
        string key = index.ToString(CultureInfo.InvariantCulture);
        string keyText = field.Message!.Find("key")!.Kind == FieldKind.String ? $"'{key}'" : key;
        (string text, string json) = RandomValue(field.Message.Find("value")!, random);
        return ($"{{ key: {keyText} value: {text} }}", $"\"{key}\":{json}");
    }

    private static (string Text, string Json) RandomValue(FieldSchema field, Random random)
    {
        switch (field.Kind)
        {
            case FieldKind.Message:
                (string text, string json) = RandomMessage(field.Message!, random);
                return ($"{{ {text} }}", json);
            case FieldKind.Bool:
                return random.Next(2) == 0 ? ("true", "true") : ("false", "false");
            case FieldKind.String:
                string word = new string[] { "", "digits", "onnxruntime", "cuda", "a'b", "é" }[random.Next(6)];
                return ($"\"{word}\"", $"\"{word}\"");
            case FieldKind.Enum:
                string name = field.Enum!.ValueNames.ElementAt(random.Next(field.Enum.ValueNames.Count()));
                return (name, $"\"{name}\"");
            case FieldKind.Float or FieldKind.Double:
                return ("0.5", "0.5");
            default:
                string number = random.Next(5).ToString(CultureInfo.InvariantCulture);
                return (number, random.Next(2) == 0 ? number : $"\"{number}\"");
        }
    }

    private static TensorSignature[] RandomTensors(string prefix, Random random) =>
        [.. Enumerable.Range(0, random.Next(1, 3)).Select(i => new TensorSignature(
            prefix + i,
            (DataType)random.Next(random.Next(8) == 0 ? 0 : 1, 15),
            [.. Enumerable.Range(0, random.Next(4)).Select(d => random.Next(d == 0 ? 2 : 4) == 0 ? random.Next(1, 5) : -1L)]))];
}
